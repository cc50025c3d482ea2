// Ag Leader's flow with a login of its own.
#pragma once

#include "provider/flow_fixture.hpp"

namespace granary {

class Oauth2RefreshTest : public FlowTest {
 protected:
  Oauth2RefreshTest() : FlowTest("ag-leader-credentials") {
    set_field("publicKey", "client");
    set_field("privateKey", "s&cret");
    set_field("refreshToken", "old+token/=");
  }
  static constexpr GrantState kLost = GrantState::unknown;
  const Send& send() { return std::get<Send>(step_); }
  static std::string previous(const std::optional<Grant>& grant) {
    return grant && grant->previous_token ? std::string(grant->previous_token->reveal()) : "(none)";
  }
};

}  // namespace granary
