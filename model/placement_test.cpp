#include "model/placement.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(CpuList, IsReadAsTheKernelWritesIt) {
  EXPECT_THAT(cpu_list_of("0-3,8").value(), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_THAT(cpu_list_of("8,1-2,2").value(), ElementsAre(1, 2, 8));
  for (const auto* text :
       {"", ",", "1,", "0,,1", "3-1", "-1", "1-", "a", "0 1", "65536", "0-65536"}) {
    EXPECT_EQ(cpu_list_of(text), std::nullopt) << text;
  }
}

TEST(CpuList, IsWrittenAsTheKernelWritesIt) {
  EXPECT_EQ(text_of({0, 1, 2, 3, 8}), "0-3,8");
  EXPECT_EQ(text_of({5}), "5");
  EXPECT_EQ(text_of(CpuList{}), "");
}

TEST(Placement, WithCoresEnoughTheSidesShareNone) {
  // Of two packages with two cores of two threads each.
  const auto placement = placement_of({}, {{0, 4}, {1, 5}, {2, 6}, {3, 7}});
  EXPECT_THAT(placement.client.workers, ElementsAre(0, 1, 4, 5));
  EXPECT_THAT(placement.server.workers, ElementsAre(2, 3, 6, 7));
  EXPECT_THAT(placement.client.softirqs, IsEmpty());
  const auto odd = placement_of({}, {{0}, {1}, {2}, {3}, {4}});
  EXPECT_THAT(odd.client.workers, ElementsAre(0, 1));
  EXPECT_THAT(odd.server.workers, ElementsAre(2, 3, 4));
}

TEST(Placement, WithFewTheKernelChooses) {
  for (const auto& cores : {std::vector<CpuList>{{0}, {1}}, std::vector<CpuList>{{0}, {1}, {2}},
                            std::vector<CpuList>{{0, 1, 2, 3}}}) {
    const auto placement = placement_of({}, cores);
    EXPECT_THAT(placement.client.workers, IsEmpty());
    EXPECT_THAT(placement.server.workers, IsEmpty());
    EXPECT_THAT(facts_of(placement), IsEmpty());
  }
}

TEST(Placement, WhatTheScenarioNamesStands) {
  PerSide<PlacementSpec> spec;
  spec.client.cpus = "0";
  spec.server.softirq_cpus = "1-2";
  const auto placement = placement_of(spec, {{0}, {1}, {2}, {3}});
  EXPECT_THAT(facts_of(placement),
              ElementsAre(Pair("client.cpus", "0"), Pair("server.softirq_cpus", "1-2")));
}

TEST(Placement, ACpuThatIsNotThereIsNamed) {
  PerSide<PlacementSpec> spec;
  spec.server.cpus = "0-2";
  try {
    placement_of(spec, {{0}, {1}});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::incapable);
    EXPECT_THAT(error.what(), HasSubstr("place the server's workers on CPUs 0-2: CPU 2 is not one "
                                        "that this process may use: 0-1"));
  }
}

}  // namespace
}  // namespace netstall
