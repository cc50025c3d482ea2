#include "domain/event_changes.hpp"

#include <algorithm>

#include "domain/packed_bytes.hpp"

namespace granary {

namespace {

// Stands between words. A colon does not, so that `21:35:59` is one word; nor does an equals sign, which ends base64.
constexpr std::string_view kBetweenWords = " \t\r\n\",;{}[]<>&";
// Stands for a word in a shape.
constexpr char kWord = '\x01';
constexpr std::size_t kHttpDateBytes = 29;

// How a new word is stored. All of them say first how many words stay as they are before it. 3 is free.
enum class ChangeKind : std::uint8_t {
  text = 0,       // how many bytes of the old word stay in front and at the end, and those between them
  hex = 1,        // the same where both have digits of hex in the same places: half a byte for each digit
  http_date = 2,  // seconds since the event
};
constexpr std::uint64_t kKinds = 4;

// A word, and what stands before it. At the end of a text the word may be empty.
struct Piece {
  std::string_view before, word;
};

// A date such as `Sun, 06 Nov 1994 08:49:37 GMT`, exactly as we would write it: so the time alone brings it back.
std::optional<WallTime> read_exact_date(std::string_view word) {
  const auto time = parse_http_date(word);
  return time && format_http_date(*time) == word ? time : std::nullopt;
}

std::size_t word_size(std::string_view text) {
  // A date is one word, although it has blanks.
  const bool is_date = text.size() >= kHttpDateBytes && text[3] == ',' &&
                       (text.size() == kHttpDateBytes || kBetweenWords.contains(text[kHttpDateBytes])) &&
                       read_exact_date(text.substr(0, kHttpDateBytes));
  return is_date ? kHttpDateBytes : std::min(text.size(), text.find_first_of(kBetweenWords));
}

Piece take_piece(std::string_view& text) {
  const std::size_t begin = std::min(text.size(), text.find_first_not_of(kBetweenWords));
  const std::size_t size = word_size(text.substr(begin));
  const Piece piece{.before = text.substr(0, begin), .word = text.substr(begin, size)};
  text.remove_prefix(begin + size);
  return piece;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Whether one differs from the other in nothing but digits of hex.
bool differ_in_hex(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return hex_digit(x) < 0 ? x == y : hex_digit(y) >= 0; });
}

std::int64_t to_seconds(WallTime time) { return std::chrono::floor<seconds>(time).time_since_epoch().count(); }

class ChangeWriter {
 public:
  explicit ChangeWriter(WallTime created) : created_(created) {}

  // False where the shapes differ, or there is too much to write.
  bool compare(std::string_view before, std::string_view now) {
    while (!before.empty() || !now.empty()) {
      const Piece a = take_piece(before), b = take_piece(now);
      if (a.before != b.before || a.word.empty() != b.word.empty()) return false;
      if (a.word != b.word) write(a.word, b.word);
      else if (!a.word.empty()) ++same_;
      if (out_.size() > kChangesBytesMax) return false;
    }
    return true;
  }
  std::string take() { return std::move(out_); }

 private:
  void begin(ChangeKind kind) {
    put_number(out_, same_ * kKinds + static_cast<std::uint64_t>(kind));
    same_ = 0;
  }
  void write(std::string_view before, std::string_view now) {
    if (const auto date = read_exact_date(now)) {
      begin(ChangeKind::http_date);
      put_signed(out_, to_seconds(*date) - to_seconds(created_));
      return;
    }
    const auto front = static_cast<std::size_t>(std::ranges::mismatch(before, now).in1 - before.begin());
    before.remove_prefix(front);
    now.remove_prefix(front);
    std::size_t end = 0;
    while (end < std::min(before.size(), now.size()) && before[before.size() - 1 - end] == now[now.size() - 1 - end]) ++end;
    before.remove_suffix(end);
    now.remove_suffix(end);
    const bool is_hex = differ_in_hex(before, now);
    begin(is_hex ? ChangeKind::hex : ChangeKind::text);
    put_number(out_, front);
    put_number(out_, end);
    if (is_hex) return write_hex(now);
    put_number(out_, now.size());
    out_ += now;
  }
  void write_hex(std::string_view text) {
    bool is_second = false;
    for (const char c : text) {
      const int digit = hex_digit(c);
      if (digit < 0) continue;
      if (is_second) out_.back() = static_cast<char>(out_.back() | digit);
      else out_ += static_cast<char>(digit << 4);
      is_second = !is_second;
    }
  }

  WallTime created_;
  std::string out_;
  std::uint64_t same_ = 0;  // words since the last change
};

class ChangeReader {
 public:
  ChangeReader(std::string_view changes, WallTime created) : rest_(changes), created_(created) {}

  // Adds the text with its changes. False where they are malformed.
  bool rewrite(std::string_view text, std::string& out) {
    while (!text.empty()) {
      const Piece piece = take_piece(text);
      out += piece.before;
      if (!piece.word.empty() && !rewrite_word(piece.word, out)) return false;
    }
    return true;
  }
  bool is_done() const { return rest_.empty() && !is_begun_; }

 private:
  bool rewrite_word(std::string_view word, std::string& out) {
    if (!is_begun_ && !rest_.empty()) {
      if (!take_number(rest_, next_)) return false;
      is_begun_ = true;
    }
    if (!is_begun_ || next_ >= kKinds) {
      next_ -= is_begun_ ? kKinds : 0;
      out += word;
      return true;
    }
    is_begun_ = false;
    switch (static_cast<ChangeKind>(next_)) {
      case ChangeKind::text:
      case ChangeKind::hex: return rewrite_middle(word, out);
      case ChangeKind::http_date: return rewrite_date(out);
    }
    return false;
  }
  bool rewrite_date(std::string& out) {
    std::int64_t offset = 0;
    if (!take_signed(rest_, offset) || offset > kEventSecondsMax || offset < -kEventSecondsMax) return false;
    const std::int64_t time = to_seconds(created_) + offset;
    if (time < -kEventSecondsMax || time > kEventSecondsMax) return false;
    out += format_http_date(WallTime(seconds(time)));
    return true;
  }
  bool rewrite_middle(std::string_view word, std::string& out) {
    std::uint64_t front = 0, end = 0;
    if (!take_number(rest_, front) || !take_number(rest_, end) || front > word.size() || end > word.size() - front) return false;
    out += word.substr(0, front);
    const std::string_view middle = word.substr(front, word.size() - front - end);
    if (!(static_cast<ChangeKind>(next_) == ChangeKind::hex ? read_hex(middle, out) : read_text(out))) return false;
    out += word.substr(word.size() - end);
    return true;
  }
  bool read_text(std::string& out) {
    std::uint64_t size = 0;
    if (!take_number(rest_, size) || size > rest_.size()) return false;
    out += rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  bool read_hex(std::string_view middle, std::string& out) {
    bool is_second = false;
    unsigned byte = 0;
    for (const char c : middle) {
      if (hex_digit(c) < 0) {
        out += c;
        continue;
      }
      if (!is_second) {
        if (rest_.empty()) return false;
        byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
      }
      out += "0123456789abcdef"[is_second ? byte & 15 : byte >> 4];
      is_second = !is_second;
    }
    return true;
  }

  std::string_view rest_;
  WallTime created_;
  std::uint64_t next_ = 0;  // kind of the next change, and for each word before it kKinds more
  bool is_begun_ = false;   // `next_` has been read
};

void add_shape(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const Piece piece = take_piece(text);
    out += piece.before;
    if (!piece.word.empty()) out += kWord;
  }
}

}  // namespace

std::string shape_of(const EventContent& content) {
  std::string out = std::to_string(content.status_code);
  out += kWord;
  add_shape(content.headers, out);
  out += '\0';
  add_shape(content.body, out);
  return out;
}

std::optional<std::string> changes_between(const EventContent& content, const Event& event) {
  if (content.status_code != event.status_code) return std::nullopt;
  ChangeWriter writer(event.created);
  if (!writer.compare(content.headers, event.headers) || !writer.compare(content.body, event.body)) return std::nullopt;
  std::string changes = writer.take();
  // A content of its own costs its size and about 64 bytes of a row and its seal, but may be repeated.
  const bool is_worth_it = changes.size() <= 64 + (event.headers.size() + event.body.size()) / 4;
  return is_worth_it ? std::optional(std::move(changes)) : std::nullopt;
}

std::optional<Event> apply_changes(const EventContent& content, std::string_view changes, WallTime created) {
  Event event{.created = created, .status_code = content.status_code, .headers = {}, .body = {}};
  ChangeReader reader(changes, created);
  const bool is_whole = reader.rewrite(content.headers, event.headers) && reader.rewrite(content.body, event.body);
  return is_whole && reader.is_done() ? std::optional(std::move(event)) : std::nullopt;
}

}  // namespace granary
