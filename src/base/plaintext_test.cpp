// A secret in clear leaves no copy behind: every way a Plaintext ends or moves must overwrite its bytes.
#include "base/plaintext.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <ostream>
#include <type_traits>

#include "base/json.hpp"

namespace granary {

namespace {

// Short enough to lie inside the string object, so that the memory may be looked at after the object's end.
constexpr std::string_view kShort = "s3cret-word";
constexpr std::string_view kLong = "a secret that is long enough to lie on the heap, twice over";

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

TEST(Plaintext, CannotBeCopiedPrintedOrWrittenByAccident) {
  EXPECT_FALSE(std::is_copy_constructible_v<Plaintext>);
  EXPECT_FALSE(std::is_copy_assignable_v<Plaintext>);
  EXPECT_FALSE(Printable<Plaintext>);
  EXPECT_FALSE((std::is_convertible_v<Plaintext, std::string>));
  EXPECT_FALSE((std::is_convertible_v<Plaintext, std::string_view>));
  EXPECT_FALSE((std::is_convertible_v<std::string, Plaintext>));
  EXPECT_FALSE((std::is_constructible_v<Json, Plaintext>));
}

TEST(Wipe, OverwritesWhatTheStringHeldAndItsUnusedCapacity) {
  for (const std::string_view secret : {kShort, kLong}) {
    std::string text(secret);
    text.reserve(100);
    text.resize(4);  // the rest of the secret lies beyond the end
    const char* memory = text.data();
    wipe(text);
    EXPECT_TRUE(text.empty());
    ASSERT_EQ(text.data(), memory);
    for (std::size_t i = 0; i < secret.size(); ++i) EXPECT_EQ(memory[i], '\0') << i;
  }
}

TEST(Wipe, OverwritesExactlyWhatItIsGiven) {
  char bytes[] = "0123456789";
  wipe(bytes + 2, 3);
  EXPECT_EQ(std::string_view(bytes, 10), std::string_view("01\0\0\0"
                                                          "56789",
                                                          10));
}

// The memory of a Plaintext, looked at from outside.
class Watched {
 public:
  explicit Watched(std::string_view secret) : value_(std::construct_at(place(), std::string(secret))) {}
  Plaintext& operator*() { return *value_; }
  void destroy() { std::destroy_at(value_); }
  bool holds(std::string_view secret) const {
    char copy[sizeof(Plaintext)];
    for (std::size_t i = 0; i < sizeof copy; ++i) copy[i] = const_cast<const volatile char*>(memory_)[i];
    return std::string_view(copy, sizeof copy).find(secret) != std::string_view::npos;
  }

 private:
  Plaintext* place() { return reinterpret_cast<Plaintext*>(memory_); }

  alignas(Plaintext) char memory_[sizeof(Plaintext)] = {};
  Plaintext* value_;
};

TEST(Plaintext, WipesItselfAtItsEnd) {
  Watched watched(kShort);
  ASSERT_TRUE(watched.holds(kShort)) << "the test looks at the wrong place";
  watched.destroy();
  EXPECT_FALSE(watched.holds(kShort));
}

TEST(Plaintext, MovingLeavesNothingBehind) {
  Watched from(kShort);
  Plaintext to(std::move(*from));
  EXPECT_FALSE(from.holds(kShort));
  EXPECT_EQ(to.reveal(), kShort);
  EXPECT_TRUE((*from).empty());
  from.destroy();

  Watched assigned_from(kShort);
  to = std::move(*assigned_from);
  EXPECT_FALSE(assigned_from.holds(kShort));
  EXPECT_EQ(to.reveal(), kShort);
  assigned_from.destroy();
}

TEST(Plaintext, AssigningOverASecretWipesIt) {
  Watched watched(kShort);
  *watched = Plaintext(std::string("x"));
  EXPECT_FALSE(watched.holds(kShort.substr(2)));
  EXPECT_EQ((*watched).reveal(), "x");
  watched.destroy();

  Plaintext large{std::string(kLong)};
  large = Plaintext(std::string(kShort));
  EXPECT_EQ(large.reveal(), kShort);
  Plaintext& itself = large;
  large = std::move(itself);
  EXPECT_EQ(large.reveal(), kShort) << "assigned to itself";
}

TEST(Plaintext, CloneIsASecretOfItsOwn) {
  Plaintext first{std::string(kLong)};
  const Plaintext second = first.clone();
  EXPECT_NE(first.reveal().data(), second.reveal().data());
  first = Plaintext();
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(second.reveal(), kLong);
}

}  // namespace

}  // namespace granary
