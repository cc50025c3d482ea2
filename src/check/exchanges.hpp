// The exchanges of one conversation with a provider, until they are events: their bodies hold tokens. Internal to check/.
#pragma once

#include "check/context.hpp"
#include "domain/event.hpp"

namespace granary {

class Exchanges {
 public:
  Exchanges() = default;
  ~Exchanges();
  Exchanges(Exchanges&&) = default;
  Exchanges(const Exchanges&) = delete;
  Exchanges& operator=(const Exchanges&) = delete;
  Exchanges& operator=(Exchanges&&) = delete;

  void add(WallTime at, http::Exchange exchange);
  // The last one is an answer of which no token could be read: redaction cannot know what stands in it, so its event has none of
  // its body.
  void hide_last_body();
  // Redacted by the secrets of all these, by what was derived from them for the request, and by what was the credential's before.
  // Between two events, others get their turn: one takes up to twenty milliseconds.
  Task<std::vector<Event>> to_events(CheckContext& context, const StoredCredential& row, const Provider& provider,
                                     const std::vector<const Secrets*>& known, const std::vector<Plaintext>& derived) const;

 private:
  struct Timed {
    WallTime at;
    http::Exchange exchange;
    std::size_t body_size = 0;  // as it came, decoded
    bool is_cut = false;        // here, since an event has no room for more
  };
  std::vector<Timed> all_;
};

}  // namespace granary
