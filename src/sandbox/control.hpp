// The control interface under /sandbox: shows everything, creates and changes accounts, switches faults. For users,
// tests and demonstrations; docs/sandbox.md describes each call.
#pragma once

#include <expected>
#include <string>

#include "http/message.hpp"
#include "sandbox/scene.hpp"

namespace granary::sandbox {

http::Response control(Scene& scene, const http::Request& request);

// What the body of POST or PATCH of an account says; otherwise a sentence about what is wrong with it.
std::expected<AccountSettings, std::string> read_settings(const Provider& provider, const Json& body);
// What the body of PUT faults says.
std::expected<Fault, std::string> read_fault(Scene& scene, const Json& body);

Json show_account(const Account& account);
Json show_scene(const Scene& scene);
Json show_faults(const Scene& scene);

}  // namespace granary::sandbox
