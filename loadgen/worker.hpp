// The worker: the process that carries traffic. It knows a control stream and
// sockets; nothing of namespaces, sysctls or probes, and no other worker.
#pragma once

namespace netstall {

// The name under which the controller starts it; main() calls worker_main then.
constexpr const char* kWorkerName = "netstall-worker";

// Serves one configuration over the control stream on descriptor 3 and returns
// the exit status: 0 after `closed`, 1 after `failed`, 2 where descriptor 3 is no
// stream. The end of the control stream ends the process at once with status 0,
// whatever its threads are doing. Call it once, from main(), on the main thread.
int worker_main();

}  // namespace netstall
