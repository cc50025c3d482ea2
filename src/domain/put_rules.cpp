#include "domain/put_rules.hpp"

namespace granary {

namespace {
using enum PutEnd;
}

constexpr PutTable kPutTable = {{
    //                   was last OK  refused      forbidden
    /* ok             */ {replaced, replaced, replaced},
    /* refused        */ {refused, refused, refused},
    /* forbidden      */ {refused, replaced, replaced},
    /* unavailable    */ {unavailable, replaced, unavailable},
    /* not configured */ {unavailable, replaced, unavailable},
    /* unusable key   */ {refused, refused, refused},
}};

PutAnswer put_answer_of(const Answer& answer) {
  switch (answer.kind) {
    case AnswerKind::ok: return PutAnswer::ok;
    case AnswerKind::refused: return PutAnswer::refused;
    case AnswerKind::forbidden: return PutAnswer::forbidden;
    case AnswerKind::unavailable: break;
  }
  if (answer.reason == Reason::unusable_key) return PutAnswer::unusable_key;
  if (answer.reason == Reason::application_refused) return PutAnswer::refused;  // of the key that was just given
  return answer.reason == Reason::not_configured ? PutAnswer::not_configured : PutAnswer::unavailable;
}

StoredLogin stored_login_of(const CredentialHealth& stored) {
  if (stored.was_last_ok) return StoredLogin::was_last_ok;
  return stored.status == Status::missing_permission ? StoredLogin::forbidden : StoredLogin::refused;
}

PutEnd end_of_put(PutAnswer answer, StoredLogin stored) {
  return kPutTable[static_cast<std::size_t>(answer)][static_cast<std::size_t>(stored)];
}

std::string_view name_of(PutAnswer answer) {
  constexpr std::array<std::string_view, kPutAnswers> kNames = {"ok",          "refused",        "forbidden",
                                                                "unavailable", "not configured", "unusable key"};
  return kNames[static_cast<std::size_t>(answer)];
}

std::string_view name_of(StoredLogin stored) {
  constexpr std::array<std::string_view, kStoredLogins> kNames = {"was last OK", "refused since, or never OK", "forbidden"};
  return kNames[static_cast<std::size_t>(stored)];
}

std::string_view name_of(PutEnd end) {
  constexpr std::array<std::string_view, 4> kNames = {"replaced, 200", "unchanged, 422", "unchanged, 503", "unchanged, 409"};
  return kNames[static_cast<std::size_t>(end)];
}

}  // namespace granary
