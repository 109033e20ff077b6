// What controller and worker say to each other: the input is a stream, fed in two parts,
// whose frames are refused, or are messages that say the same when they are written again.
#include "loadgen/messages.hpp"

#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/frame.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace netstall;

template <class Message>
void there_and_back(std::string_view bytes) {
  const auto written = to_wire(from_wire<Message>(bytes));
  require(to_wire(from_wire<Message>(written)) == written);
}

void read_as(MessageType type, std::string_view bytes) {
  switch (type) {
    case MessageType::hello:
      return there_and_back<Hello>(bytes);
    case MessageType::configure:
      return there_and_back<Configure>(bytes);
    case MessageType::clock_probe:
      return there_and_back<ClockProbe>(bytes);
    case MessageType::clock_reply:
      return there_and_back<ClockReply>(bytes);
    case MessageType::settle:
      return there_and_back<Settle>(bytes);
    case MessageType::connected:
      return there_and_back<Connected>(bytes);
    case MessageType::go:
      return there_and_back<Go>(bytes);
    case MessageType::sample:
      return there_and_back<Sample>(bytes);
    case MessageType::result:
      return there_and_back<Result>(bytes);
    case MessageType::failed:
      return there_and_back<Failed>(bytes);
    case MessageType::ready:
    case MessageType::connect:
    case MessageType::close:
    case MessageType::closed:
      return;
  }
}

void read_all(FrameParser& frames) {
  while (const auto frame = frames.next()) {
    try {
      read_as(static_cast<MessageType>(frame->type), frame->payload);
    } catch (const Error&) {
      // Of this message alone.
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto stream = text_of(data, size);
  FrameParser frames;
  try {
    frames.feed(stream.substr(0, size / 2));
    read_all(frames);
    frames.feed(stream.substr(size / 2));
    read_all(frames);
  } catch (const Error&) {
    // No frame: the stream ends there.
  }
  return 0;
}
