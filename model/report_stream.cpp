// The text of each cell is cut down to what is wanted, and then read as report_from_json
// reads it.
#include "model/report_stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/histogram.hpp"
#include "model/json_scanner.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

constexpr std::string_view kOperation = "read a report";

[[noreturn]] void refuse(std::string_view cause) {
  throw Error(ErrorKind::usage, kOperation, cause,
              "Use a report that netstall wrote, whole and unchanged.");
}

// The same fault, at its place in the whole report.
[[noreturn]] void refuse_at(const std::string& pointer, const Error& error) {
  std::string_view cause = error.what();
  if (cause.starts_with(kOperation)) cause.remove_prefix(kOperation.size() + 2);
  const auto* between = cause.starts_with('/') ? "" : ": ";
  throw Error(error.kind(), kOperation, fmt::format("{}{}{}", pointer, between, cause),
              error.remedy());
}

const std::string& empty_histogram() {
  static const std::string kText =
      fmt::format(R"({{"count":0,"min":null,"mean":null,"p50":null,"p90":null,"p99":null,)"
                  R"("p999":null,"max":null,"saturated":0,"hdr":"{}"}})",
                  Histogram().encode());
  return kText;
}

constexpr std::string_view kNoSeries =
    R"({"t_ns":[],"tcp_mem_pages":[],"goodput_bytes_per_s":[],"blocked_senders":[]})";
constexpr std::string_view kNoCounters = R"({"counters":{},"gauges":{}})";

// Copies a repetition, putting something empty in the place of what is not wanted.
class Pruner {
 public:
  Pruner(JsonScanner& in, ReportParts wanted, std::string& out)
      : in_(in), wanted_(wanted), out_(out) {}

  void repetition() {
    each_key([this](std::string_view key) {
      if (key == "flows") return flows();
      if (key == "stalls") return keep_if(ReportPart::whole_stalls, "null");
      if (key == "series") return keep_if(ReportPart::series, kNoSeries);
      if (key == "expectations") return keep_if(ReportPart::expectations, "[]");
      if (key == "kernel" && !wanted_.has(ReportPart::kernel)) {
        return each_key([this](std::string_view) { replace(kNoCounters); });
      }
      keep();
    });
  }

 private:
  // An object's keys, copied, its values left to `value`; anything else is copied for
  // the parser to refuse.
  template <class Value>
  void each_key(Value value) {
    if (in_.peek() != '{') return keep();
    out_ += '{';
    bool first = true;
    in_.object([&](std::string_view key) {
      if (!first) out_ += ',';
      first = false;
      out_ += '"';
      out_ += key;
      out_ += "\":";
      value(key);
    });
    out_ += '}';
  }

  void keep() { in_.value(&out_); }
  void replace(std::string_view text) {
    in_.value(nullptr);
    out_ += text;
  }
  void keep_if(ReportPart part, std::string_view otherwise) {
    wanted_.has(part) ? keep() : replace(otherwise);
  }

  void flows() {
    if (in_.peek() != '[') return keep();
    out_ += '[';
    in_.list([this](std::size_t index) {
      if (index > 0) out_ += ',';
      flow();
    });
    out_ += ']';
  }

  void flow() {
    struct Latency {
      std::string_view key;
      ReportPart part;
    };
    static constexpr std::array<Latency, 6> kLatencies{
        {{"send_call_ns", ReportPart::send_call},
         {"send_latency_ns", ReportPart::send_latency},
         {"acked_latency_ns", ReportPart::acked_latency},
         {"kernel_acked_latency_ns", ReportPart::kernel_acked_latency},
         {"delivery_latency_ns", ReportPart::delivery_latency},
         {"connect_ns", ReportPart::connect}}};
    each_key([this](std::string_view key) {
      if (key == "stalls" || key == "own_clock") return stalls();
      if (key == "socket") return socket();
      if (key == "tcp_info") return tcp_info();
      for (const auto& [name, part] : kLatencies) {
        if (key == name) return keep_if(part, "null");
      }
      keep();
    });
  }

  void socket() {
    each_key([this](std::string_view) {
      each_key([this](std::string_view key) {
        key == "final" ? keep_if(ReportPart::buffers, "null") : keep();
      });
    });
  }

  void tcp_info() {
    if (in_.peek() != '{') return keep();
    each_key([this](std::string_view key) {
      key.ends_with("_queue_bytes") ? keep_if(ReportPart::buffers, "null") : keep();
    });
  }

  void stalls() {
    each_key([this](std::string_view key) {
      if (key == "total") return count(false);
      if (key == "by_cause") return each_key([this](std::string_view) { count(true); });
      keep();
    });
  }

  void count(bool of_cause) {
    each_key([this, of_cause](std::string_view key) {
      if (key == "wait_ns") return keep_if(ReportPart::waits, "null");
      if (key == "duration_ns" && of_cause) {
        return keep_if(ReportPart::cause_durations, empty_histogram());
      }
      keep();
    });
  }

  JsonScanner& in_;
  ReportParts wanted_;
  std::string& out_;
};

// Collects the keys of an object, all but one, as text of an object of its own.
class Head {
 public:
  void key(std::string_view key) {
    if (!keys_.emplace(key).second) refuse(fmt::format("it has \"{}\" twice", key));
    text_ += fmt::format("{}\"{}\":", text_.size() > 1 ? "," : "", key);
  }
  void take(JsonScanner& in) { in.value(&text_); }
  void put(std::string_view value) { text_ += value; }
  bool has(const std::string& key) const { return keys_.contains(key); }
  std::string text() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
  std::set<std::string, std::less<>> keys_;
};

// A cell's text, cut down to what is wanted.
struct CellText {
  std::string pointer;
  std::string head;
  std::vector<std::string> repetitions;
};

// What is done with a cell that nobody else holds.
using CellWork = std::function<CellTaker(CellResult&&)>;

// A cell in the making: whole by one thread, in whose caches it then is and whose
// memory it uses; two that shared the repetitions of a cell were a quarter slower.
class CellJob {
 public:
  explicit CellJob(CellText text) : text_(std::move(text)) {}

  // True for the first who asks: it is to run the job.
  bool claim() noexcept { return !claimed_.exchange(true); }

  void run(const CellWork& work) noexcept {
    try {
      taker_ = work(parsed());
    } catch (...) {
      fault_ = std::current_exception();
    }
    text_ = {};
    done_ = true;
    done_.notify_all();
  }

  bool done() const noexcept { return done_; }
  void wait() const noexcept { done_.wait(false); }

  // Throws what was wrong with the cell.
  void take() {
    if (fault_) std::rethrow_exception(fault_);
    taker_();
  }

 private:
  CellResult parsed() const {
    std::vector<Repetition> repetitions;
    repetitions.reserve(text_.repetitions.size());
    for (const auto& text : text_.repetitions) {
      try {
        repetitions.push_back(repetition_from_json_line(text));
      } catch (const Error& error) {
        refuse_at(fmt::format("{}/repetitions/{}", text_.pointer, repetitions.size()), error);
      }
    }
    try {
      auto cell = cell_from_json(text_.head);
      cell.repetitions = std::move(repetitions);
      return cell;
    } catch (const Error& error) {
      refuse_at(text_.pointer, error);
    }
  }

  CellText text_;
  CellTaker taker_;
  std::exception_ptr fault_;
  std::atomic<bool> claimed_ = false;
  std::atomic<bool> done_ = false;
};

// A thread that runs the jobs given to it, in their order, until it is destroyed.
class JobThread {
 public:
  explicit JobThread(const CellWork& work)
      : work_(work), thread_([this](const std::stop_token& stop) { serve(stop); }) {}

  void give(std::shared_ptr<CellJob> job) {
    {
      const std::lock_guard lock(mutex_);
      given_.push_back(std::move(job));
    }
    changed_.notify_one();
  }

 private:
  void serve(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !given_.empty(); }) &&
           !stop.stop_requested()) {
      const auto job = std::move(given_.front());
      given_.pop_front();
      lock.unlock();
      if (job->claim()) job->run(work_);
      lock.lock();
    }
  }

  const CellWork& work_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<CellJob>> given_;
  std::jthread thread_;  // after what it uses: ends before that does
};

// One thread walks through the text and takes cells; a second one works on the cells ahead,
// and the first does, too, when it has nothing else to do.
class Stream {
 public:
  Stream(JsonScanner& in, ReportParts wanted, const CellWork& work)
      : in_(in), wanted_(wanted), work_(work), second_(work) {}

  Report read() {
    Head head;
    try {
      scan(head);
    } catch (const Error&) {
      // What is wrong in the cells before comes first.
      take_all();
      throw;
    }
    take_all();
    return report_from_json(head.text());
  }

 private:
  void scan(Head& head) {
    in_.object([&](const std::string& key) {
      head.key(key);
      if (key != "cells" || in_.peek() != '[') return head.take(in_);
      head.put("[]");
      // A report of another schema is refused as that, not for what is in it.
      if (head.has("schema")) check_report_schema(head.text());
      in_.list([this](std::size_t index) {
        ahead_.push_back(std::make_shared<CellJob>(cell(index)));
        second_.give(ahead_.back());
        if (ahead_.size() > kMostAhead) take_first();
      });
    });
    in_.expect_end();
  }

  CellText cell(std::size_t index) {
    CellText text;
    text.pointer = fmt::format("/cells/{}", index);
    if (in_.peek() != '{') refuse(fmt::format("{} is no object", text.pointer));
    Head head;
    in_.object([&](const std::string& key) {
      head.key(key);
      if (key != "repetitions" || in_.peek() != '[') return head.take(in_);
      head.put("[]");
      in_.list(
          [&](std::size_t) { Pruner(in_, wanted_, text.repetitions.emplace_back()).repetition(); });
    });
    text.head = head.text();
    return text;
  }

  // What follows a cell that is not taken does not matter: it is never asked for.
  void take_first() {
    while (!ahead_.front()->done()) run_any_or_wait();
    const auto job = std::move(ahead_.front());
    ahead_.pop_front();
    try {
      job->take();
    } catch (...) {
      ahead_.clear();
      throw;
    }
  }

  void run_any_or_wait() {
    for (const auto& job : ahead_) {
      if (job->claim()) return job->run(work_);
    }
    ahead_.front()->wait();
  }

  void take_all() {
    while (!ahead_.empty()) take_first();
  }

  // So many that the second thread always has one, and few, for the memory they take.
  static constexpr std::size_t kMostAhead = 3;

  JsonScanner& in_;
  ReportParts wanted_;
  const CellWork& work_;
  std::deque<std::shared_ptr<CellJob>> ahead_;
  JobThread second_;
};

Report stream(const std::filesystem::path& file, ReportParts wanted, const CellWork& work) {
  Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw Error(ErrorKind::usage, kOperation, errno_text(errno));
  JsonScanner in(std::move(fd));
  return Stream(in, wanted, work).read();
}

}  // namespace

Report stream_report(const std::filesystem::path& file, ReportParts wanted,
                     const std::function<void(CellResult&&)>& take) {
  return stream(file, wanted, [&take](CellResult&& cell) -> CellTaker {
    return
        [&take, kept = std::make_shared<CellResult>(std::move(cell))] { take(std::move(*kept)); };
  });
}

Report digest_report(const std::filesystem::path& file, ReportParts wanted,
                     const CellDigester& digest) {
  // The cell is gone with the call, on the thread that made it.
  return stream(file, wanted, [&digest](CellResult&& cell) {
    const auto made = std::move(cell);
    return digest(made);
  });
}

}  // namespace netstall
