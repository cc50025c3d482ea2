// Faults: what a simulated provider does in place of its usual answer, for one account, one provider or all, for ever or
// a number of calls.
#pragma once

#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sandbox/dress.hpp"
#include "sandbox/flow.hpp"

namespace granary::sandbox {

inline constexpr std::size_t kFaultsMax = 1'000;

enum class Effect {
  replace,  // a fixed answer, or none
  refuse,   // the provider's own refusal
  expire,   // the sessions of the account end just before the call
  spoil,    // the usual answer, delivered badly
  dress,    // the usual answer, in another form
};

struct FaultKind {
  std::string_view name;
  Effect effect;
  int status;
  http::Delivery delivery;
  std::string_view content_type;
  std::string_view body;
  Dress dress = nullptr;
};

// All there are, in the order of the documentation.
std::span<const FaultKind> fault_kinds();
const FaultKind* find_fault_kind(std::string_view name);

// `request`: the provider does nothing. `answer`: it does its work (a one-use token is spent), and only its answer is lost.
enum class Moment { request, answer };

struct Fault {
  const FaultKind* kind = nullptr;
  std::string provider;  // short name; empty: all
  std::string account;   // id; empty: all
  std::string path;      // within the provider; empty: all
  Moment at = Moment::request;
  std::string retry_after;            // the header's value; empty: none
  std::optional<std::int64_t> count;  // calls left; nullopt: until it is removed
};

class Faults {
 public:
  // Takes the place of one with the same provider, account and path. False at kFaultsMax.
  bool add(Fault fault);
  // Empty values match all: remove("", "") removes everything.
  void remove(std::string_view provider, std::string_view account);
  // The fault that stands nearest to the call (an account before a provider, a path before none), counted down.
  std::optional<Fault> take(const Call& call, const Reading& reading);
  const std::list<Fault>& all() const { return faults_; }

 private:
  std::list<Fault> faults_;
};

// The answer to the call under the fault.
http::Response answer_with(const Fault& fault, Accounts& accounts, const Reading& reading);

}  // namespace granary::sandbox
