// The worker whose Asio is of io_uring: netstall starts it in place of itself where a side
// of a flow sends so.
#include "loadgen/worker.hpp"

int main() {
  return netstall::worker_main();
}
