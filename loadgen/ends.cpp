#include "loadgen/ends.hpp"

#include "base/error.hpp"
#include "loadgen/answerers.hpp"
#include "loadgen/blocking_readers.hpp"
#include "loadgen/datagram_responders.hpp"
#include "loadgen/datagram_senders.hpp"
#include "loadgen/idle_ends.hpp"
#include "loadgen/nonblocking_senders.hpp"
#include "loadgen/readers.hpp"
#include "loadgen/responders.hpp"
#include "loadgen/ring_senders.hpp"
#include "model/datagram_size.hpp"
#include "model/size_distribution.hpp"

namespace netstall {
namespace {

// Keeps what is made, and its address where that is asked for.
template <class Made, class Kept>
Made& keep(std::unique_ptr<Kept>& where, std::unique_ptr<Made> made) {
  auto& kept = *made;
  where = std::move(made);
  return kept;
}

void make_blocking_senders(const FlowTask& task, const EndsOf& of, Ends& ends) {
  ends.blocking =
      &keep(ends.senders, std::make_unique<BlockingSenders>(task, of.configure.seed, of.text()));
}

void make_datagram_ends(const FlowTask& task, const EndsOf& of, Ends& ends) {
  const bool asks = task.sender == of.configure.side;
  const auto seed = of.configure.seed;
  const auto largest = SizeDistribution(asks ? task.payload : task.response).largest();
  if (largest < kLeastDatagram) {
    throw Error(ErrorKind::failed, "configure", "a datagram that is too short for its head");
  }
  if (task.pattern == Pattern::udp_request_response && asks) {
    ends.datagram_requesters = &keep(ends.senders, std::make_unique<DatagramRequesters>(
                                                       of.io, task, seed, of.text(), of.buffer));
  } else if (task.pattern == Pattern::udp_request_response) {
    ends.receivers = std::make_unique<DatagramResponders>(of.io, task, of.text(), of.buffer);
  } else if (!asks) {
    ends.datagram_readers =
        &keep(ends.receivers, std::make_unique<DatagramReaders>(of.io, task, seed, of.buffer));
  } else if (task.io == Io::blocking) {
    make_blocking_senders(task, of, ends);
  } else {
    ends.senders = std::make_unique<DatagramSenders>(of.io, task, seed, of.text());
  }
}

void make_connect_ends(const FlowTask& task, const EndsOf& of, bool alone, Ends& ends) {
  const auto& configure = of.configure;
  if (configure.side == Side::server) {
    const auto& local = task.family == Family::ipv4 ? configure.local_v4 : configure.local_v6;
    ends.receivers = std::make_unique<Answerers>(of.io, task, configure.seed, local, of.payload,
                                                 of.buffer, alone);
    return;
  }
  ends.dialers =
      &keep(ends.senders, std::make_unique<Dialers>(of.io, task, configure.seed, task.peer,
                                                    of.payload, of.buffer, alone));
}

void make_exchange_ends(const FlowTask& task, const EndsOf& of, bool alone, Ends& ends) {
  if (task.sender != of.configure.side) {
    ends.receivers = std::make_unique<Responders>(of.io, task, of.text(), of.buffer, alone);
    return;
  }
  ends.requesters = &keep(ends.senders, std::make_unique<Requesters>(of.io, task, of.configure.seed,
                                                                     of.text(), of.buffer, alone));
}

void make_readers(const FlowTask& task, const EndsOf& of, bool alone, Ends& ends) {
  const auto& configure = of.configure;
  if (task.reader.io == ReaderIo::blocking) {
    auto& readers = keep(ends.receivers, std::make_unique<BlockingReaders>(task));
    if (configure.readers_try_in_vain) readers.try_in_vain();
    return;
  }
  const bool reads_alone = alone && !sends(task, configure.side);
  auto& readers = keep(ends.receivers, std::make_unique<Readers>(of.io, task, configure.seed,
                                                                 of.buffer, reads_alone));
  if (configure.readers_try_in_vain) readers.try_in_vain();
}

void make_senders(const FlowTask& task, const EndsOf& of, Ends& ends) {
  const auto seed = of.configure.seed;
  if (task.acknowledge) {
    ends.acks = &keep(ends.receivers, std::make_unique<AckReaders>(of.io, task, of.buffer));
  }
  if (task.io == Io::blocking) {
    make_blocking_senders(task, of, ends);
  } else if (task.io == Io::io_uring) {
    if (!kRing) throw Error(ErrorKind::failed, "configure", "this worker is not of io_uring");
    ends.senders = std::make_unique<RingSenders>(of.io, task, seed, of.text());
  } else {
    ends.senders = std::make_unique<NonblockingSenders>(of.io, task, seed, of.payload);
  }
}

}  // namespace

std::optional<std::uint64_t> Ends::bytes_in_window(Pattern pattern) const {
  if (pattern == Pattern::idle) return std::nullopt;
  if (requesters != nullptr) return requesters->bytes_in_window();
  if (datagram_requesters != nullptr) return datagram_requesters->bytes_in_window();
  if (dialers != nullptr) return dialers->bytes_in_window();
  if (!receivers || acks != nullptr) return std::nullopt;
  return receivers->bytes_in_window();
}

Ends make_ends(const FlowTask& task, const EndsOf& of) {
  const auto side = of.configure.side;
  const bool alone = of.configure.tasks.size() == 1;
  Ends ends;
  if (is_udp(task.pattern)) {
    make_datagram_ends(task, of, ends);
  } else if (task.pattern == Pattern::idle) {
    ends.receivers = std::make_unique<IdleEnds>(task);
  } else if (task.pattern == Pattern::connect) {
    make_connect_ends(task, of, alone, ends);
  } else if (task.pattern == Pattern::request_response) {
    make_exchange_ends(task, of, alone, ends);
  } else {
    if (reads(task, side)) make_readers(task, of, alone, ends);
    if (sends(task, side)) make_senders(task, of, ends);
  }
  return ends;
}

}  // namespace netstall
