#include "domain/fuse.hpp"

#include <gtest/gtest.h>

#include <string>

namespace granary {

namespace {

class FuseTest : public testing::Test {
 protected:
  static WallTime at(std::int64_t second) { return WallTime(std::chrono::days(20'000)) + seconds(second); }
  static CredentialId id_of(char name) {
    CredentialId id;
    id.bytes[0] = static_cast<std::uint8_t>(name);
    return id;
  }

  // Token requests as text, one after the other: a credential's letter and how it ended, `?` unknown, `+` given, `-` an error.
  Fuse after(std::string_view requests) {
    Fuse fuse;
    for (; requests.size() >= 2; requests.remove_prefix(requests.size() > 2 ? 3 : 2)) play(fuse, requests.substr(0, 2));
    return fuse;
  }
  Fuse::Change play(Fuse& fuse, std::string_view request, std::int64_t now = 0) {
    const TokenOutcome outcome = request[1] == '?'   ? TokenOutcome::unknown
                                 : request[1] == '+' ? TokenOutcome::succeeded
                                                     : TokenOutcome::failed;
    return fuse.record(id_of(request[0]), outcome, Reason::unexpected_answer, at(now));
  }
};

TEST_F(FuseTest, WhatBlowsIt) {
  struct Row {
    const char* requests;
    bool is_blown;
    const char* why;
  };
  const Row rows[] = {
      {"a? b? c?", true, "the last three"},
      {"x+ y+ a? b? c?", true, "however many worked before"},
      {"x- y- a? b? c?", true, "however many were refused before"},
      {"a? x+ b? c? d?", true, "three after one that worked"},
      {"a? b? x- c? x?", true, "the latest request of each"},
      {"a? b? c? x-", true, "an error does not mend it"},
      {"", false, "nothing was sent"},
      {"a?", false, "one"},
      {"a? b?", false, "two"},
      {"a? a? a?", false, "one credential, however often"},
      {"a? b? a? b? a?", false, "two, by turns"},
      {"a+ b+ c+", false, "all is well"},
      {"a- b- c-", false, "errors spend nothing"},
      {"a? b? x+", false, "the third was answered"},
      {"a? b? x-", false, "by an error, too"},
      {"a? x+ b?", false, "one in between"},
      {"a? x- b?", false, "an error in between"},
      {"a? x+ b? c?", false, "it stands among the last three"},
      {"a? x- b? c?", false, "so does an error"},
      {"a? b? a+ c?", false, "one of them has worked since"},
      {"a? b? a- c?", false, "or was answered since"},
      {"a? b? x+ c? y+ d? e?", false, "one in three is"},
      {"a? b? c? x+", false, "it works again"},
      {"a? b? c? a+", false, "one of them works again"},
      {"a? b? c? x+ d? e?", false, "three are needed anew"},
  };
  for (const Row& row : rows) EXPECT_EQ(after(row.requests).is_blown(), row.is_blown) << row.requests << ": " << row.why;
}

TEST_F(FuseTest, EachChangeIsToldOnce) {
  Fuse fuse = after("a? b?");
  EXPECT_EQ(play(fuse, "c?", 7), Fuse::Change::blown);
  EXPECT_EQ(fuse.state().blown_at, at(7));
  EXPECT_EQ(fuse.state().reason, Reason::unexpected_answer);
  EXPECT_EQ(play(fuse, "d?", 8), Fuse::Change::none);
  EXPECT_EQ(fuse.state().blown_at, at(7));
  EXPECT_EQ(play(fuse, "e-"), Fuse::Change::none);
  EXPECT_EQ(play(fuse, "e+"), Fuse::Change::mended);
  EXPECT_EQ(play(fuse, "e+"), Fuse::Change::none);
  EXPECT_TRUE(fuse.blow(Reason::timeout, at(9)));
  EXPECT_FALSE(fuse.blow(Reason::timeout, at(10)));
  EXPECT_TRUE(fuse.mend());
  EXPECT_FALSE(fuse.mend());
}

TEST_F(FuseTest, TrialsComeEverMoreSeldom) {
  Fuse fuse = after("a? b? c?");
  const std::int64_t minutes[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
  std::int64_t now = 0;
  for (const std::int64_t wait : minutes) {
    now += wait * 60;
    EXPECT_FALSE(fuse.take_trial(at(now - 1))) << wait;
    EXPECT_TRUE(fuse.is_trial_due(at(now))) << wait;
    EXPECT_TRUE(fuse.take_trial(at(now))) << wait;
    EXPECT_FALSE(fuse.take_trial(at(now))) << "one";
    play(fuse, "d?", now);
  }
  EXPECT_TRUE(fuse.is_trial_due(at(-1))) << "a clock that was set back holds nobody for ever";
  play(fuse, "e+");
  EXPECT_FALSE(fuse.take_trial(at(now + 7'200))) << "whole again, there is nothing to try";
}

TEST_F(FuseTest, ItGoesOnFromWhatIsStored) {
  Fuse two = after("x+ a? b?");
  FuseState stored = two.state();
  stored.latest = unpack_latest(pack_latest(stored.latest));
  EXPECT_EQ(stored, two.state());
  Fuse again(stored);
  EXPECT_EQ(play(again, "a?"), Fuse::Change::none) << "it knows which they were";
  EXPECT_EQ(play(again, "c?"), Fuse::Change::blown);
  EXPECT_TRUE(again.take_trial(at(60)));
  Fuse blown(again.state());
  EXPECT_FALSE(blown.take_trial(at(61))) << "a restart brings no trial";
}

TEST_F(FuseTest, OnlyUnknownOutcomesAreWorthKeeping) {
  EXPECT_FALSE(FuseState().is_worth_keeping());
  EXPECT_FALSE(after("a+ b- c+").state().is_worth_keeping());
  EXPECT_TRUE(after("a+ b? c+").state().is_worth_keeping());
  Fuse of_all;
  of_all.blow(Reason::timeout, at(0));
  EXPECT_TRUE(of_all.state().is_worth_keeping());
}

TEST_F(FuseTest, DamagedBytesAreNoRequests) {
  EXPECT_TRUE(unpack_latest("").empty());
  EXPECT_TRUE(unpack_latest("short").empty());
  EXPECT_EQ(unpack_latest(std::string(17 * 9, 'x')).size(), kFuseRequests);
  EXPECT_EQ(unpack_latest(std::string(20, 'x')).size(), 1U);
}

}  // namespace

}  // namespace granary
