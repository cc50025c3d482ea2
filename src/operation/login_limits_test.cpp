#include "operation/login_limits.hpp"

#include <gtest/gtest.h>

namespace granary {

namespace {

constexpr SteadyTime kNow{seconds(1000)};

LoginTry from(const std::string& network, const std::string& username = "owner@example.org") {
  return {.username = username, .network = network, .address = network};
}

TEST(LoginLimits, ANetworkThatFailedTooOftenWaits) {
  LoginLimits limits(3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(limits.wait_of_network("1.1.1.1", kNow), seconds(0));
    limits.begin(from("1.1.1.1", std::to_string(i)), kNow);
  }
  EXPECT_EQ(limits.wait_of_network("1.1.1.1", kNow), seconds(60));
  EXPECT_EQ(limits.wait_of_network("2.2.2.2", kNow), seconds(0));
  EXPECT_EQ(limits.wait_of_network("1.1.1.1", kNow + seconds(60)), seconds(0));
}

TEST(LoginLimits, WhatWorksDoesNotCount) {
  LoginLimits limits(3);
  for (int i = 0; i < 100; ++i) limits.take_back(from("1.1.1.1"), limits.begin(from("1.1.1.1"), kNow));
  EXPECT_EQ(limits.wait_of_network("1.1.1.1", kNow), seconds(0));
  EXPECT_EQ(limits.wait_of_username("owner@example.org", kNow), seconds(0));
}

TEST(LoginLimits, OneNetworkLocksNoUserNameOut) {
  LoginLimits limits(20);
  for (int i = 0; i < 100; ++i) limits.begin(from("1.1.1.1"), kNow);
  EXPECT_EQ(limits.wait_of_username("owner@example.org", kNow), seconds(0));
  for (int network = 2; network <= 4; ++network)
    for (int i = 0; i < 100; ++i) limits.begin(from(std::to_string(network)), kNow);
  EXPECT_EQ(limits.wait_of_username("owner@example.org", kNow), seconds(60)) << "four of them do";
  EXPECT_EQ(limits.wait_of_username("another@example.org", kNow), seconds(0));
}

TEST(LoginLimits, WhatDidNotCountForTheNameIsNotTakenBackFromIt) {
  LoginLimits limits(LoginLimits::kOfOneNetworkMax);
  for (int i = 0; i < LoginLimits::kOfOneNetworkMax; ++i) limits.begin(from("1.1.1.1"), kNow);
  limits.take_back(from("1.1.1.1"), limits.begin(from("1.1.1.1"), kNow));
  EXPECT_EQ(limits.wait_of_username("owner@example.org", kNow), seconds(60));
}

}  // namespace

}  // namespace granary
