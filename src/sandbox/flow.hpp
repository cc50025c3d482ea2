// How each kind of provider answers: one reading for each FlowKind, from the request to what the provider would do with
// it. Reading changes nothing yet, so that a fault can take the place of the work or of its answer.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "http/message.hpp"
#include "sandbox/account.hpp"

namespace granary::sandbox {

struct Call {
  const Provider& provider;
  const http::Request& request;
  std::string_view path;  // within the provider
};

enum class Purpose { other, login, session };  // `session`: it comes with a session's token

struct Reading {
  Account* account = nullptr;  // whose call it is, if that can be told
  Purpose purpose = Purpose::other;
  http::Response refusal;                // the provider's own way to say no to this call
  std::function<http::Response()> work;  // does what the provider would do; called at most once, at once
};

// `call` must outlive the reading.
Reading read_call(Accounts& accounts, const Call& call);

Reading read_oauth2_refresh(Accounts& accounts, const Call& call);
Reading read_sentera(Accounts& accounts, const Call& call);
Reading read_agvance(Accounts& accounts, const Call& call);
Reading read_encrypted_login(Accounts& accounts, const Call& call);

// For the readings.

http::Response answer(int status, const Json& body);
http::Response refuse_method(std::string_view allowed);
http::Response answer_misfit(const Misfit& misfit);
// A reading whose answer is settled already.
Reading settled(http::Response response);

// What follows the scheme in Authorization; all of it for an empty scheme, nothing for another one.
std::string read_token(const http::Request& request, std::string_view scheme);
// A call that needs a live session: `work`, or the refusal.
Reading read_session(Accounts& accounts, const Provider& provider, const std::string& token, const http::Response& refusal,
                     std::function<http::Response(Account&)> work);

// Whose login these values are. `open` turns what was sent to this account into values of its fields, where a flow
// hides them.
struct Login {
  Account* account = nullptr;  // whose it claims to be
  enum class Verdict { refused, accepted } verdict = Verdict::refused;
};
using Opener = std::function<Values(const Account&, const Values& sent)>;
Login find_login(Accounts& accounts, const Provider& provider, const Values& sent, const Opener& open);

}  // namespace granary::sandbox
