#include "cli/arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <deque>
#include <initializer_list>
#include <sstream>

namespace granary::cli {

namespace {

// Help is read in terminals: a sentence is broken where CLI11 indents the next line.
std::string wrap(std::string_view text) {
  constexpr std::size_t kWidth = 70;
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column > 0 && column + word.size() > kWidth) {
      out += '\n';
      column = 0;
    }
    if (column > 0) out += ' ';
    out += word;
    column += word.size() + 1;
  }
  return out;
}

// One subcommand's options, taken from the table of the configuration.
class OptionSet {
 public:
  OptionSet(CLI::App& app, Arguments& arguments) : app_(app), arguments_(arguments) {}

  OptionSet& add(const config::Option& option) {
    const std::string key(option.key);
    std::string help(option.sentence);
    if (!option.fallback.empty()) help += " Default: " + std::string(option.fallback) + ".";
    app_.add_option_function<std::string>(
            config::flag_of(option), [this, key](const std::string& value) { arguments_.flags[key] = {.texts = {value}}; },
            wrap(help))
        ->type_name(std::string(option.kind));
    return *this;
  }
  OptionSet& add(std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) add(*std::ranges::find(config::options(), key, &config::Option::key));
    return *this;
  }
  OptionSet& add_all() {
    for (const auto& option : config::options()) add(option);
    return *this;
  }
  OptionSet& add_config() {
    app_.add_option("--config", arguments_.config_file, "Configuration file in TOML.")->type_name("file");
    return *this;
  }

 private:
  CLI::App& app_;
  Arguments& arguments_;
};

class Line {
 public:
  Line() {
    app_.set_version_flag("--version", "granary " GRANARY_VERSION);
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(46);
    serve();
    key();
    owner();
    health();
    trying();
    looking();
  }

  Parsed parse(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::CallForHelp& error) {
      return tell(error, 0);
    } catch (const CLI::CallForVersion& error) {
      return tell(error, 0);
    } catch (const CLI::ParseError& error) {
      return tell(error, 2);
    }
    return {.arguments = std::move(arguments_)};
  }

 private:
  Parsed tell(const CLI::Error& error, int exit_code) {
    std::ostringstream out, problems;
    app_.exit(error, out, problems);
    std::fputs(out.str().c_str(), stdout);
    std::fputs(problems.str().c_str(), stderr);
    return {.arguments = {}, .exit_code = exit_code};
  }

  // The options live as long as the line: their callbacks write into arguments_.
  OptionSet& options_of(CLI::App& app) { return sets_.emplace_back(app, arguments_); }

  void serve() {
    CLI::App& app = *app_.add_subcommand("serve", "Serve the API and check the credentials in the background.");
    options_of(app).add_all().add_config();
    app.callback([this] { arguments_.command = Command::serve; });
  }

  void key() {
    CLI::App& app = *app_.add_subcommand("key", "The root key.")->require_subcommand(1);
    CLI::App& init = *app.add_subcommand("init", "Make a root key in a new file, with mode 0600.");
    options_of(init).add({"root_key"});
    init.callback([this] { arguments_.command = Command::key_init; });
  }

  CLI::App& on_data(CLI::App& parent, const char* name, const char* help, const char* command) {
    CLI::App& app = *parent.add_subcommand(name, help);
    options_of(app).add({"data", "database", "root_key", "providers_dir"}).add_config();
    app.callback([this, &app, command] {
      if (!app.get_subcommands().empty()) return;  // which has said what to do
      arguments_.command = Command::on_data;
      if (!request_.find("command")) request_.set("command", command);
      arguments_.request = request_;
    });
    return app;
  }

  void word(CLI::App& app, const char* name, const char* key, const char* help) {
    const std::string member(key);
    app.add_option_function<std::string>(name, [this, member](const std::string& value) { request_.set(member, value); }, help);
  }

  void owner() {
    CLI::App& app = *app_.add_subcommand("owner", "API owners: who may log in.")->require_subcommand(1);
    CLI::App& add =
        on_data(app, "add", "Add an owner; the password is one line of standard input, 15 to 128 characters.", "owner add");
    CLI::App& password =
        on_data(app, "password", "Change an owner's password (standard input); ends the tokens.", "owner password");
    for (CLI::App* one : {&add, &password}) {
      word(*one, "EMAIL", "email", "The owner's e-mail address.");
      one->get_option("EMAIL")->required();
      one->parse_complete_callback([this, is_new = one == &add] {
        arguments_.asks_password = true;
        arguments_.makes_folder = is_new;
      });
    }
  }

  void health() {
    CLI::App& providers =
        on_data(app_, "providers", "Show each provider: configured or not, credentials by status, breaker, fuse.", "providers");
    CLI::App& check = *providers.add_subcommand("check", "Check a descriptor of your own: what a start would refuse of it.");
    check.add_option("FILE", arguments_.descriptor, "The descriptor, JSON.")->required();
    check.callback([this] { arguments_.command = Command::providers_check; });
    CLI::App& credentials =
        on_data(app_, "credentials", "List credentials by status, newest change first: whom to call.", "credentials");
    word(credentials, "--status", "status", "OK, UNAUTHENTICATED, MISSING_PERMISSION or TEMPORARILY_UNAVAILABLE.");
    word(credentials, "--provider", "provider", "Path segment without -credentials, for example valley.");
    credentials.add_flag_callback(
        "--watch",
        [this] {
          arguments_.follows = true;
          request_.set("command", "credentials follow");
        },
        wrap("Follow the changes of status that a running server makes, line by line, until Ctrl-C."));
    CLI::App& history = on_data(app_, "history", "Show a credential's changes of status, newest first.", "history");
    word(history, "ID", "id", "The credential's id, as `granary credentials` shows it.");
    history.get_option("ID")->required();
    CLI::App& breaker =
        *app_.add_subcommand("breaker", "The breaker that tells a provider's fault from growers'.")->require_subcommand(1);
    CLI::App& close =
        on_data(breaker, "close", "Close a provider's breaker; its credentials are checked again.", "breaker close");
    word(close, "PROVIDER", "provider", "Path segment without -credentials, for example valley.");
    close.get_option("PROVIDER")->required();
  }

  void trying() {
    CLI::App& demo =
        *app_.add_subcommand("demo", "A server, simulated providers, one owner, one Leaf user and four logins to try.");
    options_of(demo).add({"listen", "data"});
    demo.callback([this] { arguments_.command = Command::demo; });
    CLI::App& sandbox = *app_.add_subcommand("sandbox", "The simulated providers alone; GET /sandbox shows everything.");
    options_of(sandbox).add({"listen", "providers_dir"}).add_config();
    sandbox.callback([this] { arguments_.command = Command::sandbox; });
  }

  void looking() {
    CLI::App& openapi = *app_.add_subcommand("openapi", "Print the API's description, OpenAPI 3.1, as JSON.");
    options_of(openapi).add({"providers_dir"}).add_config();
    openapi.callback([this] { arguments_.command = Command::openapi; });
    CLI::App& config = *app_.add_subcommand("config", "Print the effective configuration, secrets masked.");
    options_of(config).add_all().add_config();
    config.add_flag("--reference", wants_reference_, "Print every option, as Markdown, in place of the values.");
    config.callback([this] { arguments_.command = wants_reference_ ? Command::config_reference : Command::config; });
  }

  CLI::App app_{"Keeps the logins that growers hold at farm-data providers, and knows whether each still works.", "granary"};
  Arguments arguments_;
  Json request_{Json::Object()};
  bool wants_reference_ = false;
  std::deque<OptionSet> sets_;
};

}  // namespace

Parsed parse_arguments(int argc, char** argv) {
  Line line;
  return line.parse(argc, argv);
}

}  // namespace granary::cli
