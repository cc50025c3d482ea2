#include "cli/commands.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cstdio>

#include "base/log.hpp"
#include "operation/catalog.hpp"
#include "operation/health.hpp"
#include "operation/leaf_users.hpp"
#include "operation/owners.hpp"

namespace granary::cli {

namespace {

Json refuse(std::string sentence) {
  Json answer;
  answer.set("ok", false);
  answer.set("error", std::move(sentence));
  return answer;
}

Json done() {
  Json answer;
  answer.set("ok", true);
  return answer;
}

Json answer_to(const Result<void>& result, const std::string& exists, const std::string& missing) {
  if (result) return done();
  switch (result.error().code) {
    case ErrorCode::already_exists: return refuse(exists);
    case ErrorCode::not_found: return refuse(missing);
    case ErrorCode::invalid_field: return refuse(result.error().detail);
    default: return refuse("that did not work; try again");
  }
}

Json time_or_null(const std::optional<WallTime>& time) { return time ? Json(format_wire_time(*time)) : Json(); }

Task<Json> run_owner_add(Parts& parts, const Json& request) {
  const std::string email = request.find_string("email").value_or("");
  const auto added = co_await add_owner(parts, email, Plaintext(request.find_string("password").value_or("")));
  co_return answer_to(added, "there is an owner " + email + " already; `granary owner password` changes the password", "");
}

Task<Json> run_owner_password(Parts& parts, const Json& request) {
  const std::string email = request.find_string("email").value_or("");
  const auto changed = co_await change_password(parts, email, Plaintext(request.find_string("password").value_or("")));
  co_return answer_to(changed, "", "there is no owner " + email + "; `granary owner add` makes one");
}

Task<Json> run_providers(Parts& parts, const Json&) {
  Json::Array rows;
  for (const auto& health : co_await list_provider_health(parts)) {
    Json row;
    row.set("provider", health.provider);
    row.set("environment", health.environment);
    row.set("configured", health.is_configured);
    row.set("breaker", health.breaker_opened ? "open" : "closed");
    row.set("breakerOpened", time_or_null(health.breaker_opened));
    row.set("fuse", health.fuse_blown ? "blown" : "intact");
    row.set("fuseBlown", time_or_null(health.fuse_blown));
    row.set("lastSuccess", time_or_null(health.last_success));
    for (const Status status : kAllStatuses) {
      std::int64_t count = 0;
      for (const auto& [known, number] : health.credentials)
        if (known == status) count = number;
      row.set(name_of(status), count);
    }
    rows.push_back(std::move(row));
  }
  Json answer = done();
  answer.set("rows", std::move(rows));
  co_return answer;
}

Task<Json> run_breaker_close(Parts& parts, const Json& request) {
  const std::string provider = request.find_string("provider").value_or("");
  co_return answer_to(co_await close_breakers(parts, provider), "",
                      "there is no provider " + provider + "; `granary providers` lists them");
}

Task<Json> run_credentials(Parts& parts, const Json& request) {
  CredentialFilter filter;
  if (const auto status = request.find_string("status")) {
    const auto named = status_named(*status);
    if (!named) co_return refuse("--status must be OK, UNAUTHENTICATED, MISSING_PERMISSION or TEMPORARILY_UNAVAILABLE");
    filter.statuses.push_back(*named);
  }
  if (const auto provider = request.find_string("provider")) {
    if (!providers(parts).find_short_name(*provider))
      co_return refuse("there is no provider " + *provider + "; `granary providers` lists them");
    filter.providers.push_back(*provider);
  }
  const Json* page = request.find("page");
  const auto found = co_await list_all_health(parts, filter, {.page = page ? page->integer().value_or(0) : 0, .size = 100});
  Json::Array rows;
  for (const auto& health : found.items) {
    Json row;
    row.set("id", health.id.text());
    row.set("leafUserId", health.leaf_user.text());
    if (const auto user = co_await find_user(parts, health.owner, health.leaf_user)) {
      row.set("name", user->name ? Json(*user->name) : Json());
      row.set("email", user->email ? Json(*user->email) : Json());
      row.set("phone", user->phone ? Json(*user->phone) : Json());
    }
    row.set("provider", health.provider);
    row.set("status", name_of(health.status));
    row.set("since", format_wire_time(health.since));
    row.set("reason", health.reason ? Json(name_of(*health.reason)) : Json());
    row.set("message", health.message ? Json(*health.message) : Json());
    rows.push_back(std::move(row));
  }
  Json answer = done();
  answer.set("rows", std::move(rows));
  answer.set("total", found.total);
  co_return answer;
}

using Run = Task<Json> (*)(Parts&, const Json&);
constexpr std::array<std::pair<std::string_view, Run>, 5> kCommands = {{{"owner add", run_owner_add},
                                                                        {"owner password", run_owner_password},
                                                                        {"providers", run_providers},
                                                                        {"breaker close", run_breaker_close},
                                                                        {"credentials", run_credentials}}};

// Marks for bidirectional text and line separators (Unicode 15, table 23-3 and section 5.8).
constexpr std::array<std::string_view, 14> kMarks = {"\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202b",
                                                     "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"};

// How many bytes of a control character (C0, DEL, C1) or a mark `text` begins with; 0 for what can be shown.
std::size_t unshown_at(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
  if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0) return 2;
  const auto mark = std::ranges::find_if(kMarks, [&](std::string_view known) { return text.starts_with(known); });
  return mark == kMarks.end() ? 0 : mark->size();
}

std::string text_of(const Json& row, std::string_view key) {
  const Json* value = row.find(key);
  if (!value || value->is_null()) return "-";
  if (!value->string()) return value->dump();
  if (value->string()->empty()) return "-";
  // A name is whatever its owner sent: it neither steers the terminal nor turns around what stands beside it.
  std::string text;
  for (std::string_view rest = *value->string(); !rest.empty();) {
    const std::size_t unshown = unshown_at(rest);
    text += unshown > 0 ? ' ' : rest.front();
    rest.remove_prefix(std::max<std::size_t>(unshown, 1));
  }
  return text;
}

void print_table(const std::vector<std::pair<std::string_view, std::string_view>>& columns, const Json& answer) {
  std::vector<std::size_t> widths;
  const auto& rows = *answer.find("rows")->array();
  for (const auto& [key, title] : columns) {
    std::size_t width = title.size();
    for (const Json& row : rows) width = std::max(width, text_of(row, key).size());
    widths.push_back(width);
  }
  std::string out;
  for (std::size_t i = 0; i < columns.size(); ++i) out += fmt::format("{:<{}}  ", columns[i].second, widths[i]);
  out += '\n';
  for (const Json& row : rows) {
    for (std::size_t i = 0; i < columns.size(); ++i) out += fmt::format("{:<{}}  ", text_of(row, columns[i].first), widths[i]);
    out += '\n';
  }
  std::fputs(out.c_str(), stdout);
}

}  // namespace

Task<Json> run_command(Parts& parts, Json request) {
  const std::string name = request.find_string("command").value_or("");
  for (const auto& [known, run] : kCommands)
    if (known == name) co_return co_await run(parts, request);
  co_return refuse("the server does not know this command: are both of one version?");
}

int print_answer(const Json& request, const Json& answer) {
  const Json* ok = answer.find("ok");
  if (!ok || !ok->boolean().value_or(false)) {
    std::fprintf(stderr, "granary: %s\n", answer.find_string("error").value_or("that did not work").c_str());
    return 1;
  }
  const std::string command = request.find_string("command").value_or("");
  if (command == "providers") {
    print_table({{"provider", "PROVIDER"},
                 {"environment", "ENVIRONMENT"},
                 {"configured", "CONFIGURED"},
                 {"breaker", "BREAKER"},
                 {"fuse", "FUSE"},
                 {"OK", "OK"},
                 {"UNAUTHENTICATED", "UNAUTHENTICATED"},
                 {"MISSING_PERMISSION", "MISSING_PERMISSION"},
                 {"TEMPORARILY_UNAVAILABLE", "TEMPORARILY_UNAVAILABLE"},
                 {"lastSuccess", "LAST SUCCESS"}},
                answer);
  } else if (command == "credentials") {
    print_table({{"id", "ID"},
                 {"provider", "PROVIDER"},
                 {"status", "STATUS"},
                 {"since", "SINCE"},
                 {"leafUserId", "LEAF USER"},
                 {"name", "NAME"},
                 {"email", "EMAIL"},
                 {"phone", "PHONE"},
                 {"reason", "REASON"},
                 {"message", "MESSAGE"}},
                answer);
  }
  return 0;
}

}  // namespace granary::cli
