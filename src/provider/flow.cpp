#include "provider/flow.hpp"

namespace granary {

Result<std::unique_ptr<FlowPlan>> plan_flow(const Provider& provider) {
  switch (provider.flow) {
    case FlowKind::oauth2_refresh: return plan_oauth2_refresh(provider);
    case FlowKind::sentera: return plan_sentera(provider);
    case FlowKind::agvance: return plan_agvance(provider);
    case FlowKind::encrypted_login: return plan_encrypted_login(provider);
  }
  return fail(ErrorCode::internal, "unknown flow");
}

}  // namespace granary
