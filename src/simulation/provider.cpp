#include "simulation/provider.hpp"

#include <zlib.h>

#include <algorithm>
#include <charconv>

#include "base/json.hpp"
#include "base/seeded_random.hpp"

namespace granary::simulation {

namespace {

http::Exchange answer(int status, std::string body) {
  http::Exchange exchange{.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
  exchange.was_sent = true;
  return exchange;
}

std::string compressed(const std::string& text) {
  std::string out(compressBound(text.size()), '\0');
  uLongf size = out.size();
  compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(text.data()), text.size());
  out.resize(size);
  return out;
}

// The number after the last `-` of `kind-number` or `kind-account-number`.
int number_after(std::string_view text, std::size_t from) {
  int number = -1;
  if (from < text.size()) std::from_chars(text.data() + from, text.data() + text.size(), number);
  return number;
}

std::string_view form_value(std::string_view body, std::string_view name) {
  const auto at = body.find(name);
  if (at == std::string_view::npos) return {};
  const auto value = body.substr(at + name.size());
  return value.substr(0, value.find('&'));
}

}  // namespace

std::string Account::refresh_token(int index) const { return "refresh." + std::to_string(number) + "." + std::to_string(index); }
std::string Account::username() const { return "u." + std::to_string(number) + "."; }

int ProviderWorld::account_of(std::string_view login) {
  const auto dot = login.find('.');
  return dot == std::string_view::npos ? -1 : number_after(login, dot + 1);
}

int ProviderWorld::index_of(std::string_view refresh_token) { return number_after(refresh_token, refresh_token.rfind('.') + 1); }

Account& ProviderWorld::add_account(bool has_password) {
  accounts_.push_back({.number = static_cast<int>(accounts_.size()),
                       .has_password = has_password,
                       .denied_at = {},
                       .killed_by = {},
                       .spent_by = {},
                       .shown_by = {},
                       .refusals = {},
                       .revoked_in_calm = {}});
  return accounts_.back();
}

bool ProviderWorld::would_accept(const Account& account, int index) const {
  if (!account.is_valid()) return false;
  return index == account.newest || (reuse_ == Reuse::grace_for_the_last && index == account.newest - 1);
}

int ProviderWorld::account_in(const http::OutboundRequest& request) const {
  int number = -1;
  if (request.url.ends_with("/api/token")) {
    number = account_of(form_value(request.body, "refresh_token=refresh"));
  } else if (request.url.ends_with("/v1/sessions")) {
    const auto json = Json::parse(request.body);
    const Json* session = json ? json->find("session") : nullptr;
    number = account_of(session ? session->find_string("email").value_or("") : "");
  } else {
    const auto token = std::ranges::find(request.headers, "Authorization", &std::pair<std::string, std::string>::first);
    if (token != request.headers.end()) number = account_of(token->second);
  }
  return number < static_cast<int>(accounts_.size()) ? number : -1;
}

int ProviderWorld::token_in(const http::OutboundRequest& request) {
  return index_of(form_value(request.body, "refresh_token=refresh"));
}

std::string ProviderWorld::login_in(const http::OutboundRequest& request) {
  if (request.url.ends_with("/api/token"))
    return "refresh token " + std::string(form_value(request.body, "refresh_token=refresh"));
  return request.url.ends_with("/v1/sessions") ? "a password" : "a session";
}

bool ProviderWorld::take_off(const http::OutboundRequest& request, const std::shared_ptr<Flight>& flight) {
  flight->account = account_in(request);
  flight->is_password = request.url.ends_with("/v1/sessions");
  if (flight->account < 0 || !request.url.ends_with("/api/token")) return true;
  Account& known = account(flight->account);
  const int index = flight->token_index = token_in(request);
  auto& shown = known.shown_by[index];
  const auto was_knowable = [&](const std::shared_ptr<Flight>& earlier) {
    if (earlier->is_unknown() || earlier->crashed || earlier->forgotten) return false;
    const auto spent = known.spent_by.find(index);
    return !earlier->returned || (spent != known.spent_by.end() && spent->second == earlier);
  };
  // The token before the last may be tried again where the descriptor says so, and the provider's answer to one of the two was
  // not seen or not kept.
  const auto was_missed = [](const auto& earlier) { return !earlier->answered || earlier->unkept || earlier->is_unknown(); };
  const auto newer = known.shown_by.find(index + 1);
  const bool is_previous =
      previous_token_valid_ && newer != known.shown_by.end() &&
      (has_store_failed || std::ranges::any_of(shown, was_missed) || std::ranges::any_of(newer->second, was_missed));
  const auto spent = known.spent_by.find(index);
  const bool is_before_doubtful = spent != known.spent_by.end() && spent->second->gave_doubtfully;
  const bool is_fair = is_previous || is_before_doubtful || std::ranges::none_of(shown, was_knowable);
  shown.push_back(flight);
  return is_fair;
}

http::Exchange ProviderWorld::process(const http::OutboundRequest& request, const std::shared_ptr<Flight>& flight,
                                      SteadyTime now) {
  if (request.url.ends_with("/api/token")) return refresh(request, flight);
  if (request.url.ends_with("/v1/sessions")) return log_in(flight);
  if (flight->account < 0 || !account(flight->account).is_valid()) return answer(401, R"({"error":"session ended"})");
  if (!account(flight->account).permits) {
    account(flight->account).denied_at = now;
    return answer(403, R"({"error":"no permission"})");
  }
  return answer(200, R"({"data":{"organizations":{"total_count":1,"results":[{"sentera_id":"org","name":"org"}]}}})");
}

http::Exchange ProviderWorld::refresh(const http::OutboundRequest& request, const std::shared_ptr<Flight>& flight) {
  http::Exchange refused = answer(400, R"({"error":"invalid_grant"})");
  if (flight->account < 0) return refused;
  Account& known = account(flight->account);
  const int index = token_in(request);
  if (!would_accept(known, index)) {
    if (index < known.newest && reuse_ == Reuse::kills_family && !std::exchange(known.family_dead, true)) {
      known.killed_by = flight;
      known.killed_with = index;
    }
    return refused;
  }
  if (reuse_ != Reuse::no_rotation && index == known.newest) {
    known.spent_by[index] = flight;
    ++known.newest;
  }
  flight->gave_token = reuse_ != Reuse::no_rotation;  // otherwise the one that was shown
  return wild(known, *flight,
              answer(200, R"({"access_token":"at.)" + std::to_string(known.number) + R"(.","expires_in":)" +
                              std::to_string(token_lifetime.count()) + R"(,"refresh_token":")" +
                              known.refresh_token(known.newest) + R"("})"));
}

// The same answer as some real provider would give it (docs/providers.md, "What is read of an answer").
http::Exchange ProviderWorld::wild(Account& known, Flight& flight, http::Exchange plain) const {
  if (wildness == 0) return plain;
  const std::uint64_t kind =
      SeededRandom(wildness ^ static_cast<std::uint64_t>(known.number * 1000 + known.token_answers++)).below(is_calm ? 7 : 16);
  std::string& body = plain.body;
  const std::string token = known.refresh_token(known.newest);
  switch (kind) {
    case 0: body = compressed(body); break;
    case 1: body = "access_token=at." + std::to_string(known.number) + ".&expires_in=60&refresh_token=" + token; break;
    case 2: body.insert(body.size() - 1, ",\"name\":\"Gen\xE8ve \\ud800\""); break;
    case 3: body = ")]}',\n" + body + "<!-- node 7 -->"; break;
    case 4: body = R"({"refresh_token":"a-token-of-before",)" + body.substr(1); break;
    case 5: body = R"({"data":)" + body + R"(,"error":null})"; break;
    case 6: body.resize(body.size() - 1); break;
    case 7: plain.status = 500; break;
    case 8: body = R"({"error":"server_error","refresh_token":")" + token + R"("})"; break;
    default: break;
  }
  flight.gave_doubtfully = kind == 7 || kind == 8;
  return plain;
}

http::Exchange ProviderWorld::log_in(const std::shared_ptr<Flight>& flight) {
  if (flight->account < 0 || !account(flight->account).is_valid()) return answer(401, R"({"error":"invalid login"})");
  return answer(200, R"({"auth_token":"s.)" + std::to_string(flight->account) + R"(."})");
}

}  // namespace granary::simulation
