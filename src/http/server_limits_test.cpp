// What a client may cost the server: heads and framing, bodies, connections.
#include "http/server_fixture.hpp"

namespace granary::http {

namespace {

TEST_F(ServerTest, HeadsOverTheLimitAreRefused) {
  start();
  const std::string many(2 * kHeadBytesMax, 'a');
  const std::vector<Row> rows = {
      {"long header", with_headers("A: " + std::string(kHeadBytesMax, 'a'))},
      {"long name", with_headers(many + ": a")},
      {"many headers", with_headers(repeated("A: b\r\n", kHeadBytesMax) + "B: c")},
      {"long target", "GET /" + std::string(kHeadBytesMax, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"long method", many + " / HTTP/1.1\r\n"},
      {"a head without end", "GET /x HTTP/1.1\r\nHost: h\r\nA: " + many},
      {"a line without end", many},
      {"a folded header without end", "GET /x HTTP/1.1\r\nHost: h\r\nA: b\r\n" + repeated(" c\r\n", 2 * kHeadBytesMax)},
      {"blanks without end", "GET /x HTTP/1.1\r\nHost: h\r\nA:" + std::string(2 * kHeadBytesMax, ' ')},
  };
  for (const Row& row : rows) {
    const std::string received = talk(row.bytes);
    EXPECT_TRUE(received.starts_with("HTTP/1.1 431 ")) << row.name << ": " << received.substr(0, 200);
    EXPECT_TRUE(received.contains("\r\nConnection: close\r\n")) << row.name;
  }
}

std::string chunked(std::string_view bytes) { return with_headers("Transfer-Encoding: chunked", bytes); }

// What is no byte of the body itself has the limit of the head, however it is spread over chunks.
TEST_F(ServerTest, FramingOverTheLimitIsRefused) {
  start();
  const std::string zeros(2 * kHeadBytesMax, '0'), letters(2 * kHeadBytesMax, 'a');
  const std::vector<Row> rows = {
      {"an extension without end", chunked("4;" + letters)},
      {"a quoted extension without end", chunked("4;a=\"" + letters)},
      {"a long extension", chunked("4;" + letters + "\r\nabcd\r\n0\r\n\r\n")},
      {"many extensions", chunked("4" + repeated(";a=b", 2 * kHeadBytesMax) + "\r\nabcd\r\n0\r\n\r\n")},
      {"an extension at each chunk", chunked(repeated("1;abcdefghijklmnopqrstuvwxyz\r\na\r\n", 3 * kHeadBytesMax))},
      {"an extension at the last chunk", chunked("0;" + letters + "\r\n\r\n")},
      {"zeros without end", chunked(zeros)},
      {"zeros in front of a size", chunked(zeros + "4\r\nabcd\r\n0\r\n\r\n")},
      {"zeros as the last size", chunked("4\r\nabcd\r\n" + zeros + "\r\n\r\n")},
      {"blanks behind a size", chunked("4" + std::string(2 * kHeadBytesMax, ' ') + "\r\nabcd\r\n0\r\n\r\n")},
      {"chunks of one byte", chunked(repeated("1\r\na\r\n", 3 * kHeadBytesMax))},
      {"a trailer without end", chunked("4\r\nabcd\r\n0\r\nA: " + letters)},
      {"a long trailer", chunked("4\r\nabcd\r\n0\r\nA: " + letters + "\r\n\r\n")},
      {"many trailers", chunked("4\r\nabcd\r\n0\r\n" + repeated("A: b\r\n", 2 * kHeadBytesMax) + "\r\n")},
      {"a large head and a trailer", with_headers("Transfer-Encoding: chunked\r\nA: " + std::string(kHeadBytesMax / 2, 'a'),
                                                  "0\r\nB: " + std::string(kHeadBytesMax / 2, 'b') + "\r\n\r\n")},
  };
  for (const Row& row : rows) {
    const std::string received = talk(row.bytes);
    EXPECT_TRUE(received.starts_with("HTTP/1.1 400 ")) << row.name << ": " << received.substr(0, 200);
    EXPECT_TRUE(received.contains("\r\nConnection: close\r\n")) << row.name;
  }
  RawSocket socket = connect();
  socket.send(chunked(repeated("100;a=b\r\n" + std::string(256, 'c') + "\r\n", 200 * 1024) + "0\r\nA: b\r\n\r\n"));
  EXPECT_TRUE(read_response(socket).starts_with("HTTP/1.1 200 ")) << "a large body in chunks that are no excuse";
}

TEST_F(ServerTest, ABodyThatNobodyWantsIsNotTaken) {
  start();
  const auto unread = [](std::string_view headers) {
    return "POST /unread HTTP/1.1\r\nHost: h\r\n" + std::string(headers) + "\r\n\r\n";
  };
  const std::vector<Row> rows = {
      {"not sent", unread("Content-Length: 1000000")},
      {"asked for", unread("Expect: 100-continue\r\nContent-Length: 1000000")},
      {"in chunks", unread("Transfer-Encoding: chunked") + "5\r\nabcde\r\n"},
      {"whole", unread("Content-Length: 5") + "abcde"},
      {"of a length that nobody has", unread("Content-Length: 99999999999999")},
  };
  for (const Row& row : rows) {
    const std::string received = talk(row.bytes + std::string(kGet));
    EXPECT_TRUE(received.starts_with("HTTP/1.1 401 ")) << row.name << ": " << received;
    EXPECT_TRUE(received.contains("\r\nConnection: close\r\n")) << row.name;
    EXPECT_EQ(received.rfind("HTTP/1.1 "), 0U) << row.name << ": one answer: " << received;
  }
  RawSocket none = connect();
  none.send("GET /unread HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kGet));
  EXPECT_TRUE(read_response(none).starts_with("HTTP/1.1 401 "));
  EXPECT_TRUE(read_response(none).starts_with("HTTP/1.1 200 ")) << "where there is none, the connection is kept";
}

TEST_F(ServerTest, BodiesShareTheirMemory) {
  memory_.emplace(400'000);
  start({.body_memory = &*memory_});
  const auto head = [](std::size_t size) { return with_headers("Content-Length: " + std::to_string(size)); };
  const auto send = [&](std::size_t size) {
    RawSocket socket = connect();
    socket.send(head(size) + std::string(size, 'b'));
    return read_response(socket);
  };
  EXPECT_TRUE(send(90'000).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(send(110'000).starts_with("HTTP/1.1 503 ")) << "more than a quarter";
  {
    RawSocket slow = connect();
    slow.send(head(90'000) + std::string(80'000, 'b'));
    while (memory_->bytes() < 80'000) std::this_thread::yield();
    EXPECT_TRUE(send(90'000).starts_with("HTTP/1.1 503 ")) << "beside what comes slowly";
    slow.send(std::string(10'000, 'b'));
    EXPECT_TRUE(read_response(slow).starts_with("HTTP/1.1 200 ")) << "what has its room keeps it";
  }
  EXPECT_TRUE(send(90'000).starts_with("HTTP/1.1 200 ")) << "it is given back";
  {
    const RawSocket idle = connect();  // announces much, sends nothing
    for (int i = 0; i < 4; ++i) {
      RawSocket announced = connect();
      announced.send(head(99'000));
    }
    EXPECT_TRUE(send(90'000).starts_with("HTTP/1.1 200 "));
  }
}

TEST_F(ServerTest, WhoseRequestItIs) {
  start({.proxies = {.ranges = {*parse_range("127.0.0.1")}, .header = "x-forwarded-for"}});
  const std::vector<std::pair<std::string, const char*>> rows = {
      {"", "127.0.0.1"},
      {"X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4"},
      {"x-forwarded-FOR: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n", "1.2.3.4"},
      {"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: nobody\r\n", "127.0.0.1"},
      {"Forwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n", "127.0.0.1"},
  };
  RawSocket socket = connect();
  for (const auto& [headers, peer] : rows) {
    socket.send("GET /peer HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n");
    EXPECT_EQ(body_of(read_response(socket)), peer) << headers;
  }
}

TEST_F(ServerTest, WhatAProxyForwardsIsCountedByItsClient) {
  limits_.emplace(100, 2);
  start({.limits = &*limits_, .proxies = {.ranges = {*parse_range("127.0.0.1")}, .header = "x-forwarded-for"}, .too_many = [] {
           return Response{.status = 429};
         }});
  const auto ask = [](std::string_view path, std::string_view client) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: " + std::string(client) + "\r\n\r\n";
  };
  RawSocket sockets[6];
  for (RawSocket& socket : sockets) socket = connect();
  sockets[0].send(ask("/wait", "1.1.1.1"));
  sockets[1].send(ask("/wait", "1.1.1.1"));
  while (waiting_ < 2) std::this_thread::yield();
  sockets[2].send(ask("/x", "1.1.1.1"));
  EXPECT_TRUE(read_response(sockets[2]).starts_with("HTTP/1.1 429 "));
  sockets[2].send(ask("/x", "2.2.2.2"));
  EXPECT_TRUE(read_response(sockets[2]).starts_with("HTTP/1.1 200 ")) << "the same connection, another client";
  asio::post(context_, [this] { signal_.fire(); });
  EXPECT_TRUE(read_response(sockets[0]).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(read_response(sockets[1]).starts_with("HTTP/1.1 200 "));
  sockets[3].send(ask("/x", "1.1.1.1"));
  EXPECT_TRUE(read_response(sockets[3]).starts_with("HTTP/1.1 200 "));
}

Response too_many() { return {.status = 429, .headers = {{"Retry-After", "1"}}, .body = "{}"}; }

TEST_F(ServerTest, ConnectionsOverALimitAreToldAndTheirPlaceComesBack) {
  limits_.emplace(100, 2);
  start({.limits = &*limits_, .too_many = too_many});
  RawSocket first = connect();
  first.send(kGet);
  EXPECT_EQ(body_of(read_response(first)), "GET /x?|||");
  RawSocket second = connect();
  second.send(kGet);
  EXPECT_EQ(body_of(read_response(second)), "GET /x?|||");
  for (int i = 0; i < 20; ++i) {
    const std::string refused = talk(kGet);
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 429 Too Many Requests\r\n")) << i << ": " << refused;
    EXPECT_TRUE(refused.contains("\r\nRetry-After: 1\r\n") && refused.contains("\r\nConnection: close\r\n")) << refused;
  }
  EXPECT_EQ(handled_, 2);
  first.end_sending();
  EXPECT_EQ(first.read_all(), "");
  std::string answer;
  for (int i = 0; i < 100 && !answer.starts_with("HTTP/1.1 200 "); ++i) {
    RawSocket third = connect();
    third.send(kGet);
    answer = read_response(third);
    if (!answer.starts_with("HTTP/1.1 200 ")) std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_EQ(body_of(answer), "GET /x?|||");
}

TEST_F(ServerTest, WhoHasWaitedLongestMakesRoom) {
  limits_.emplace(3, 100);
  start({.limits = &*limits_, .too_many = too_many});
  RawSocket busy = connect(), half = connect(), used = connect();
  busy.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  half.send("GET /x HTTP/1.1\r\nHo");
  while (waiting_ == 0) std::this_thread::yield();
  used.send(kGet);
  EXPECT_EQ(body_of(read_response(used)), "GET /x?|||");
  RawSocket third = connect();
  third.send(kGet);
  EXPECT_EQ(body_of(read_response(third)), "GET /x?|||");
  EXPECT_EQ(half.read_all(), "") << "it waited longer for its head than the one that was answered";
  EXPECT_FALSE(half.timed_out());
  used.send(kGet);
  EXPECT_EQ(body_of(read_response(used)), "GET /x?|||");
  RawSocket fourth = connect();
  fourth.send(kGet);
  EXPECT_EQ(body_of(read_response(fourth)), "GET /x?|||");
  EXPECT_EQ(third.read_all(), "");
  asio::post(context_, [this] { signal_.fire(); });
  EXPECT_EQ(body_of(read_response(busy)), "GET /wait?|||") << "one at work is never chosen";
}

TEST_F(ServerTest, WhoReadsABodyOrWritesAResponseMakesRoomToo) {
  limits_.emplace(2, 100);
  start({.limits = &*limits_, .too_many = too_many});
  RawSocket body = connect(), deaf = connect();
  body.send(with_headers("Content-Length: 100", "a"));
  for (int i = 0; i < 10; ++i) deaf.send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
  while (heads_ < 2) std::this_thread::yield();
  std::this_thread::sleep_for(milliseconds(50));  // the long response fills what the kernel takes
  for (int i = 0; i < 2; ++i) {
    RawSocket next = connect();
    next.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    while (waiting_ <= i && next.is_open()) std::this_thread::yield();
    waiting_sockets_.push_back(std::move(next));
  }
  EXPECT_EQ(body.read_all(), "");
  EXPECT_FALSE(body.timed_out());
  EXPECT_LT(deaf.read_all().size(), 30'000'000U) << "cut";
  asio::post(context_, [this] { signal_.fire(); });
  for (RawSocket& socket : waiting_sockets_) EXPECT_EQ(body_of(read_response(socket)), "GET /wait?|||");
}

TEST_F(ServerTest, WhereAllAreAtWorkThereIsNoRoom) {
  limits_.emplace(2, 100);
  start({.limits = &*limits_, .too_many = too_many});
  RawSocket first = connect(), second = connect();
  for (RawSocket* socket : {&first, &second}) socket->send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  while (waiting_ < 2) std::this_thread::yield();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(talk(kGet).starts_with("HTTP/1.1 429 "));
  asio::post(context_, [this] { signal_.fire(); });
  EXPECT_EQ(body_of(read_response(first)), "GET /wait?|||");
  EXPECT_EQ(body_of(read_response(second)), "GET /wait?|||");
  RawSocket third = connect();
  third.send(kGet);
  EXPECT_EQ(body_of(read_response(third)), "GET /x?|||") << "who was refused took no place";
}

}  // namespace

}  // namespace granary::http
