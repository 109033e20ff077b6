// A run that is still going on writes this page anew after each repetition. A page
// opened from a file may not look at files, not even at its own, so it loads itself
// again: when the next repetition should have ended, not while somebody uses it, and
// less and less often when nothing new comes.

const kQuietMs = 4000;

function drawLive(into) {
  const live = overview.live;
  if (!live) return;
  const share = live.total > 0 ? live.done / live.total : 0;
  const age = Date.now() - Date.parse(overview.written_at);
  const late = age > 1000 * (3 * live.seconds_each + 20);
  put(into, el("div", { class: `live ${late ? "late" : ""}`, role: "status" },
    el("span", {}, late ? `No news since ${when(overview.written_at)}: the run may have been killed.`
      : `Running: ${live.done} of ${live.total} repetitions, ${duration(live.seconds_left * 1e9)} to go. This page follows.`),
    el("progress", { max: 1, value: share })));
  follow(live, age);
}

function follow(live, age) {
  let touched = 0;
  for (const event of ["pointerdown", "keydown", "wheel"]) {
    addEventListener(event, () => { touched = Date.now(); }, { passive: true });
  }
  const wait = Math.min(60000, Math.max(1000, 1000 * live.seconds_each - age, age / 4));
  const again = () => {
    if (document.hidden || Date.now() - touched < kQuietMs) setTimeout(again, 1000);
    else location.reload();
  };
  setTimeout(again, wait);
}
