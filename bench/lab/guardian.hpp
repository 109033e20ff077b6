// The process that outlives a killed controller and puts the machine back.
//
//   controller alive   waits, holds nothing but its journal and control socket
//   "finish"           undoes what is not yet marked undone, answers, exits
//   controller gone    ends the run's processes, removes its cgroups, restores
//                      host sysctls in reverse, removes the run's folder, exits
//   deadline passed    the same, after it has ended the controller: one that is
//                      stopped or stuck could change the host again
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/netns.hpp"
#include "bench/lab/step.hpp"
#include "bench/lab/undo_journal.hpp"

namespace netstall {

constexpr const char* kRunRoot = "/run/netstall";
constexpr const char* kGuardianName = "netstall-guardian";

// The controller's end of its guardian. Made before anything on the machine is
// changed, destroyed after everything is put back: declare it before the Lab.
// Not thread-safe; start it from the main thread, in the initial namespace.
class Guardian {
 public:
  // Starts the program behind exe_fd (open_own_executable()) under the name
  // kGuardianName; its main must then return guardian_main(). Returns once the
  // guardian has made ROOT/RUN_ID/journal. Throws Error.
  static Guardian start(const std::filesystem::path& root, int exe_fd, const StepHook& hook = {});

  Guardian(Guardian&& other) noexcept;
  Guardian& operator=(Guardian&&) = delete;
  // As finish(), when that was not called; then nobody hears what failed.
  ~Guardian();

  // Unique on this machine: time, process number and random digits.
  const std::string& run_id() const noexcept;
  const std::filesystem::path& root() const noexcept;
  pid_t pid() const noexcept;

  // Where owners announce what they are about to change.
  UndoJournal& journal() noexcept;
  // The guardian ends this process if the controller cannot. Harmless for one
  // that has already ended. Throws Error when the journal cannot be written.
  void watch_process(pid_t pid);

  // The host is changed from now on, for no longer than this; then the guardian ends
  // this process and restores, whatever happens. Zero: it is not changed any more.
  // Throws Error (failed) when the guardian is gone: nobody would restore.
  void hold(Nanoseconds longest);

  // From now on the guardian holds these namespaces, too, in place of those before: what is
  // moved into them is not lost with this process. Throws Error (failed) when it is gone.
  void keep(std::span<const Netns* const> namespaces);

  // Orderly end, after every owner has undone its part: undoes what is left over
  // all the same, removes the journal, ends the guardian. Returns one sentence
  // for each thing that could not be put back. Nothing but finish() and the
  // destructor may be called after it; a second call does nothing.
  std::vector<std::string> finish();

 private:
  struct Link;
  explicit Guardian(std::unique_ptr<Link> link);
  std::unique_ptr<Link> link_;  // null: finished, or moved from
};

// What main returns when argv[0] is kGuardianName; its control socket is
// descriptor 3. Never throws.
int guardian_main() noexcept;

struct Leftovers {
  std::vector<std::string> sentences;  // one for each thing done, or found and not mended
  bool all_undone = true;
};

// Undoes what runs left whose controller and guardian are both dead; runs that
// either still looks after are not touched. Throws Error when ROOT cannot be read.
Leftovers restore_leftovers(const std::filesystem::path& root);

}  // namespace netstall
