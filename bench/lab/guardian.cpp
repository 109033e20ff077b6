#include "bench/lab/guardian.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <ctime>
#include <optional>
#include <random>
#include <utility>

#include "base/error.hpp"
#include "base/process.hpp"
#include "bench/lab/guardian_protocol.hpp"
#include "bench/lab/run_folder.hpp"

namespace netstall {
namespace {

constexpr auto kReadyWithin = std::chrono::seconds(10);
// Longer than the guardian's own patience: its answer says what is wrong.
constexpr auto kAnswerWithin = std::chrono::seconds(40);
constexpr auto kUndoWithin = std::chrono::seconds(30);

std::string make_run_id() {
  std::random_device random;
  return fmt::format("{:%Y%m%dT%H%M%S}-{}-{:08x}", fmt::gmtime(std::time(nullptr)), ::getpid(),
                     random());
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

[[noreturn]] void fail_start(const std::optional<Frame>& answer) {
  if (!answer || !is(*answer, GuardianMessage::failed) || answer->payload.empty()) {
    throw Error(ErrorKind::failed, "start the guardian", "it ended before it was ready");
  }
  const auto kind = static_cast<ErrorKind>(answer->payload.front() - '0');
  throw Error(kind, "start the guardian", std::string_view(answer->payload).substr(1),
              kind == ErrorKind::incapable ? "run as root" : "");
}

}  // namespace

struct Guardian::Link {
  Link(std::filesystem::path its_root, StepHook its_hook, ChildProcess its_process, Fd its_control)
      : root(std::move(its_root)),
        hook(std::move(its_hook)),
        run_id(make_run_id()),
        process(std::move(its_process)),
        control(std::move(its_control)) {}

  void step(std::string_view name) const {
    if (hook) hook(name);
  }
  void await_ready();
  std::vector<std::string> finish();
  std::vector<std::string> finish_without_guardian();
  // What the guardian answered; nothing when it is gone.
  std::optional<std::vector<std::string>> ask_to_finish();

  std::filesystem::path root;
  StepHook hook;
  std::string run_id;
  ChildProcess process;
  FrameChannel control;
  std::optional<RunFolder> folder;
};

void Guardian::Link::await_ready() {
  send_message(control, GuardianMessage::start, fmt::format("{}\n{}", root.string(), run_id));
  const auto answer = await_frame(control, Deadline(kReadyWithin));
  if (!answer || !is(*answer, GuardianMessage::ready)) fail_start(answer);
  folder.emplace(RunFolder::join(root, run_id));
}

std::optional<std::vector<std::string>> Guardian::Link::ask_to_finish() {
  try {
    send_message(control, GuardianMessage::finish);
    step("finish_sent");
    const auto answer = await_frame(control, Deadline(kAnswerWithin));
    if (answer && is(*answer, GuardianMessage::done)) return lines_of(answer->payload);
  } catch (const Error&) {
    // Nobody listens any more.
  }
  return std::nullopt;
}

std::vector<std::string> Guardian::Link::finish_without_guardian() {
  process.kill(SIGKILL);
  const auto status = process.wait(Deadline(kReadyWithin));
  std::vector<std::string> sentences{
      fmt::format("the guardian was lost during the run: {}",
                  status ? wait_status_text(*status) : "it does not end")};
  try {
    const auto outcome = folder->undo(Deadline(kUndoWithin));
    if (!outcome.worth_another_try) folder->remove();
    sentences.insert(sentences.end(), outcome.sentences.begin(), outcome.sentences.end());
  } catch (const Error& error) {
    sentences.emplace_back(error.what());
  }
  return sentences;
}

std::vector<std::string> Guardian::Link::finish() {
  auto sentences = ask_to_finish();
  if (sentences) {
    static_cast<void>(process.wait(Deadline(kReadyWithin)));
  } else {
    sentences = finish_without_guardian();
  }
  step("guardian_gone");
  return std::move(*sentences);
}

Guardian Guardian::start(const std::filesystem::path& root, int exe_fd, const StepHook& hook) {
  auto [ours, its] = make_control_pair();
  SpawnOptions options;
  options.argv = {kGuardianName};
  options.exe_fd = exe_fd;
  options.control_fd = its.get();
  options.drop_privileges = false;
  options.die_with_parent = false;
  options.own_session = true;
  auto link = std::make_unique<Link>(std::filesystem::absolute(root), hook,
                                     ChildProcess::spawn(options), std::move(ours));
  its.reset();
  link->step("guardian_started");
  try {
    link->await_ready();
  } catch (...) {
    // It may have made its folder: by itself it removes that; killed, it would not.
    link->control = FrameChannel(Fd());
    static_cast<void>(link->process.wait(Deadline(kUndoWithin)));
    throw;
  }
  Guardian guardian(std::move(link));
  guardian.link_->step("guardian_ready");
  return guardian;
}

Guardian::Guardian(std::unique_ptr<Link> link) : link_(std::move(link)) {}
Guardian::Guardian(Guardian&& other) noexcept = default;

Guardian::~Guardian() {
  finish();
}

const std::string& Guardian::run_id() const noexcept {
  return link_->run_id;
}

const std::filesystem::path& Guardian::root() const noexcept {
  return link_->root;
}

pid_t Guardian::pid() const noexcept {
  return link_->process.pid();
}

UndoJournal& Guardian::journal() noexcept {
  return link_->folder->journal();
}

void Guardian::watch_process(pid_t pid) {
  if (const auto start_time = process_start_time(pid)) {
    journal().watch_process({pid, *start_time});
  }
}

void Guardian::hold(Nanoseconds longest) {
  try {
    send_message(link_->control, GuardianMessage::hold, fmt::format("{}", longest.count()));
  } catch (const Error& error) {
    throw Error(ErrorKind::failed, "have the host's sysctls watched over",
                fmt::format("the guardian is gone ({})", error.what()),
                "end what ended it, and run again");
  }
}

void Guardian::keep(std::span<const Netns* const> namespaces) {
  std::string numbers;
  for (const auto* netns : namespaces) {
    numbers += fmt::format("{}{}", numbers.empty() ? "" : " ", netns->fd());
  }
  std::string why = "it does not answer";
  try {
    send_message(link_->control, GuardianMessage::keep, numbers);
    const auto answer = await_frame(link_->control, Deadline(kReadyWithin));
    if (answer && is(*answer, GuardianMessage::kept)) return;
    if (answer && is(*answer, GuardianMessage::failed)) why = answer->payload.substr(1);
  } catch (const Error& error) {
    why = error.what();
  }
  throw Error(ErrorKind::failed, "have ports of the machine watched over by the guardian", why);
}

std::vector<std::string> Guardian::finish() {
  if (!link_) return {};
  const auto link = std::move(link_);
  return link->finish();
}

Leftovers restore_leftovers(const std::filesystem::path& root) {
  Leftovers done;
  for (auto& orphan : adopt_orphaned_runs(root)) {
    const auto outcome = orphan.undo(Deadline(kUndoWithin));
    if (!outcome.worth_another_try) orphan.remove();
    const auto run = orphan.path().filename().string();
    done.sentences.push_back(outcome.sentences.empty()
                                 ? fmt::format("run {}, which was killed, is undone", run)
                                 : fmt::format("run {}, which was killed, is undone except:", run));
    done.sentences.insert(done.sentences.end(), outcome.sentences.begin(), outcome.sentences.end());
    done.sentences.insert(done.sentences.end(), outcome.done.begin(), outcome.done.end());
    done.all_undone = done.all_undone && outcome.sentences.empty();
  }
  return done;
}

}  // namespace netstall
