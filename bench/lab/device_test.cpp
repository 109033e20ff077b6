#include "bench/lab/device.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/file.hpp"
#include "bench/lab/temporary_folder_test.hpp"

namespace netstall {
namespace {

DeviceState some_state() {
  DeviceState state;
  state.hardware_address = std::string("\x02\x00\x00\x00\xff\x01", 6);
  state.mtu = 9000;
  state.txqueuelen = 77;
  state.up = true;
  state.ipv6_address_mode = 1;
  state.offload.tso = false;
  state.offload.gro = true;
  state.sysctls = {{"ipv4/conf/eth2/rp_filter", "2"}, {"ipv6/conf/eth2/x", "a = b"}};
  state.addresses = {std::string("\x02\x18\x00\x00", 4), "abc"};
  state.routes = {std::string("\0\n %", 4)};
  return state;
}

TEST(DeviceState, ComesBackFromItsText) {
  EXPECT_EQ(device_state_of(to_text(some_state())), some_state());
  DeviceState bare;
  bare.mtu = 1500;
  EXPECT_EQ(device_state_of(to_text(bare)), bare);
}

TEST(DeviceState, NoneOfATextThatIsNone) {
  for (const char* text : {"", "mtu", "mtu x", "mtu 1500\naddress 0", "hardware zz\nmtu 1500"}) {
    EXPECT_FALSE(device_state_of(text)) << text;
  }
}

TEST(DeviceState, ComesBackFromTheJournal) {
  const TemporaryFolder folder;
  const DeviceEntry entry{"eth2", to_text(some_state())};
  auto journal = UndoJournal::create(folder.path() / "journal", "boot");
  const auto ticket = journal.will_move_device(entry);
  auto list = parse_undo_journal(read_file(journal.path()));
  ASSERT_EQ(list.pending.size(), 1U);
  EXPECT_EQ(std::get<DeviceEntry>(list.pending[0].entry), entry);
  journal.undone(ticket);
  EXPECT_TRUE(parse_undo_journal(read_file(journal.path())).pending.empty());
}

}  // namespace
}  // namespace netstall
