// Opens and seals a credential's secrets, and digests what is compared: logins and tokens. Internal to check/ and operation/.
#pragma once

#include "check/context.hpp"
#include "provider/past_secrets.hpp"

namespace granary {

// What a credential's seals are bound to. It refers to the credential.
SealScope scope_of(const StoredCredential& row);

// A field of a login or a grant that must not be shown to people: declared secret, or named like one.
bool is_secret_field(const Provider& provider, std::string_view name);

// nullopt where the seal does not open, or the provider is not known.
std::optional<Secrets> open_secrets(const Sealer& sealer, const Catalog& catalog, const StoredCredential& row);
std::optional<Secrets> open_candidate(const CheckContext& context, const StoredCredential& row);

// Sealed as the next version of the row, into a write. A key that does not open any more (a damaged row) gives way to a new one.
void seal_into(const CheckContext& context, const StoredCredential& row, const Secrets& secrets, CredentialWrite& write);
Sealed seal_next(const CheckContext& context, const StoredCredential& row, const Secrets& secrets);
Sealed seal_candidate(const CheckContext& context, const StoredCredential& row, const Secrets& secrets);

// Keyed: the same for the same token of one owner's credentials at one provider. Empty for an empty token.
std::string token_digest(const CheckContext& context, const StoredCredential& row, std::string_view token);
// The same for the same user name and password of one owner on one lane, and for all that is sent with them; empty where the
// provider is shown no password.
LoginDigests login_digests(const CheckContext& context, OwnerId owner, const LaneState& lane, const Fields& login);

// What was the credential's and is not any more, for redaction. It refers to both arguments. Nothing, where the store cannot tell
// now: that keeps no answer from being recorded.
Task<PastSecrets> past_secrets_of(CheckContext& context, const StoredCredential& row);

// The digests that go with the change from one set of secrets to another.
TokenDigests digests_of_change(const CheckContext& context, const StoredCredential& row, const Provider& provider,
                               const Secrets* before, const Secrets& after);

}  // namespace granary
