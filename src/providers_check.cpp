#include "providers_check.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "domain/descriptor.hpp"
#include "provider/flow.hpp"

namespace granary {

namespace {

// The line on which the member stands that the sentence begins with ("refused: ...", "request.key.trim ..."); 0 where it is
// missing.
std::size_t line_of(const std::string& text, std::string_view sentence) {
  std::string_view name = sentence.substr(0, sentence.find_first_of(" :"));
  if (const auto dot = name.rfind('.'); dot != std::string_view::npos) name.remove_prefix(dot + 1);
  const std::size_t at = text.find('"' + std::string(name) + '"');
  return at == std::string::npos
             ? 0
             : 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

int refuse(const std::string& file, const std::string& text, const std::string& sentence) {
  const std::size_t line = line_of(text, sentence);
  const std::string where = line > 0 ? file + ":" + std::to_string(line) : file;
  std::fprintf(stderr, "granary: %s: %s\n", where.c_str(), sentence.c_str());
  return 1;
}

// What is allowed, and seldom meant.
std::vector<std::string> remarks_on(const Provider& provider) {
  std::vector<std::string> remarks;
  if (std::ranges::none_of(provider.environments, [](const Environment& one) { return one.base_url.has_value(); }))
    remarks.emplace_back("no base_url: nothing is sent until the configuration sets one");
  if (provider.login_kind() == LoginKind::refresh_token && !provider.has_probe())
    remarks.emplace_back("no probe: every check is a refresh");
  for (const RequestField& field : provider.request)
    if (!field.secret && !field.trim && field.required && field.name != "username")
      remarks.push_back("request." + field.name + " is neither secret nor trimmed: blanks around a pasted value are kept");
  return remarks;
}

}  // namespace

int check_descriptor(const std::string& file) {
  std::ifstream in(file);
  std::stringstream read;
  read << in.rdbuf();
  if (!in) throw StartRefused("cannot read the descriptor " + file);
  const std::string text = read.str();
  const auto json = Json::parse(text);
  if (!json) return refuse(file, "", "is not a JSON object that can be read: a comma too many, or a key that comes twice");
  const auto provider = parse_descriptor(*json);
  if (!provider) return refuse(file, text, provider.error().detail);
  if (const auto plan = plan_flow(*provider); !plan) return refuse(file, text, plan.error().detail);
  std::printf("%s: %s (%s), flow %s: a start takes it\n", file.c_str(), provider->name.c_str(), provider->slug.c_str(),
              std::string(name_of(provider->flow)).c_str());
  for (const std::string& remark : remarks_on(*provider)) std::printf("  %s\n", remark.c_str());
  return 0;
}

}  // namespace granary
