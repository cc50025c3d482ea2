// The server over raw loopback sockets: malformed messages, limits, keep-alive, pipelining and what lies between. Each row
// of the tables is bytes as a client could send them, and what the handler and the client must then have seen.
#include "base/error.hpp"
#include "http/server_fixture.hpp"
#include "http/session.hpp"

namespace granary::http {

namespace {

using std::string_literals::operator""s;

const std::vector<Row> kMalformed = {
    {"words", "hello there\r\n\r\n"},
    {"a method alone", "GET\r\n\r\n"},
    {"no version", "GET /x\r\nHost: h\r\n\r\n"},
    {"another protocol", "GET /x HTP/1.1\r\nHost: h\r\n\r\n"},
    {"small protocol", "GET /x http/1.1\r\nHost: h\r\n\r\n"},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {"no version number", "GET /x HTTP/\r\nHost: h\r\n\r\n"},
    {"odd version", "GET /x HTTP/1.x\r\nHost: h\r\n\r\n"},
    {"a TLS greeting", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s},
    {"two blanks", "GET  /x HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"a blank in front", " GET /x HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"a blank in the target", "GET /x y HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"a control character in the target", "GET /x\x01y HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"a NUL in the target", "GET /x\0y HTTP/1.1\r\nHost: h\r\n\r\n"s},
    {"bare line feeds", "GET /x HTTP/1.1\nHost: h\n\n"},
    {"no host", "GET /x HTTP/1.1\r\n\r\n"},
    {"two hosts", with_headers("Host: h")},
    {"a blank before the colon", "GET /x HTTP/1.1\r\nHost : h\r\n\r\n"},
    {"a header without colon", "GET /x HTTP/1.1\r\nHost: h\r\nrubbish\r\n\r\n"},
    {"a header without name", "GET /x HTTP/1.1\r\nHost: h\r\n: y\r\n\r\n"},
    {"a name that is none", "GET /x HTTP/1.1\r\nHost: h\r\nA(b): y\r\n\r\n"},
    {"a NUL in a header", "GET /x HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n"s},
    {"a bare CR in a header", "GET /x HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n"},
    {"two authorizations", with_headers("Authorization: Bearer a\r\nAuthorization: Bearer b")},
    {"length in words", with_headers("Content-Length: four", "abcd")},
    {"negative length", with_headers("Content-Length: -4", "abcd")},
    {"length with a sign", with_headers("Content-Length: +4", "abcd")},
    {"hexadecimal length", with_headers("Content-Length: 0x4", "abcd")},
    {"length with a fraction", with_headers("Content-Length: 4.0", "abcd")},
    {"empty length", with_headers("Content-Length: ", "abcd")},
    {"length beyond 64 bits", with_headers("Content-Length: 99999999999999999999", "abcd")},
    {"two lengths", with_headers("Content-Length: 4\r\nContent-Length: 5", "abcde")},
    {"one length twice", with_headers("Content-Length: 4\r\nContent-Length: 4", "abcd")},
    {"two lengths in one", with_headers("Content-Length: 4, 5", "abcde")},
    {"length and chunks", with_headers("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n")},
    {"chunks and length", with_headers("Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n")},
    {"two transfer encodings", with_headers("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n")},
    {"another transfer encoding", with_headers("Transfer-Encoding: gzip", "0\r\n\r\n")},
    {"identity", with_headers("Transfer-Encoding: identity", "0\r\n\r\n")},
    {"chunks are not last", with_headers("Transfer-Encoding: chunked, gzip", "0\r\n\r\n")},
    {"nearly chunks", with_headers("Transfer-Encoding: xchunked", "0\r\n\r\n")},
    {"chunk size in words", with_headers("Transfer-Encoding: chunked", "four\r\nabcd\r\n0\r\n\r\n")},
    {"negative chunk", with_headers("Transfer-Encoding: chunked", "-4\r\nabcd\r\n0\r\n\r\n")},
    {"chunk beyond 64 bits", with_headers("Transfer-Encoding: chunked", "fffffffffffffffff\r\nabcd\r\n0\r\n\r\n")},
    {"chunk longer than its size", with_headers("Transfer-Encoding: chunked", "4\r\nabcdefgh\r\n0\r\n\r\n")},
};

TEST_F(ServerTest, MalformedIsAnsweredOnceAndEndsTheConnection) {
  start();
  for (const Row& row : kMalformed) {
    const int before = handled_;
    const std::string received = talk(row.bytes + std::string(kGet));
    EXPECT_TRUE(received.starts_with("HTTP/1.1 400 ")) << row.name << ": " << received.substr(0, 200);
    EXPECT_TRUE(received.contains("\r\nConnection: close\r\n")) << row.name;
    EXPECT_EQ(received.rfind("HTTP/1.1 "), 0U) << row.name << ": what follows must not be read as a request: " << received;
    EXPECT_EQ(handled_, before + 1) << row.name;
  }
  EXPECT_TRUE(talk("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200 ")) << "the server lives";
}

TEST_F(ServerTest, WhatTheHandlerSees) {
  start();
  const struct {
    std::string bytes;
    const char* body;
  } rows[] = {
      {"GET /a/b?c=d&e HTTP/1.1\r\nHost: h\r\n", "GET /a/b?c=d&e|||"},
      {"GET /a%20b?x=%zz?y HTTP/1.1\r\nhOST: h\r\n", "GET /a%20b?x=%zz?y|||"},
      {"GET http://other:1/a?b=c HTTP/1.1\r\nHost: h\r\n", "GET /a?b=c|||"},
      {"GET https://other HTTP/1.1\r\nHost: h\r\n", "GET /?|||"},
      {"OPTIONS * HTTP/1.1\r\nHost: h\r\n", "OPTIONS *?|||"},
      {"BREW /x HTTP/1.1\r\nHost: h\r\n", "BREW /x?|||"},
      {"GET /x HTTP/1.1\r\nHost: h\r\nAUTHORIZATION:   Bearer t  \r\ncontent-type: text/plain; charset=x\r\n",
       "GET /x?|text/plain; charset=x|Bearer t|"},
      {"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabcd", "POST /x?|||abcd"},
      {"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n", "POST /x?|||"},
      {"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n", "POST /x?|||abcd"},
      {"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\nAuthorization: Bearer t\r\n\r\n",
       "POST /x?|||abcd"},
  };
  for (const auto& row : rows) {
    RawSocket socket = connect();
    // A head that is not ended yet is ended here.
    socket.send(row.bytes.contains("\r\n\r\n") ? row.bytes : row.bytes + "\r\n");
    EXPECT_EQ(body_of(read_response(socket)), row.body) << row.bytes;
  }
}

TEST_F(ServerTest, BodiesOverTheLimitAreRefusedUnread) {
  start();
  const std::string fits(kBodyBytesMax, 'b');
  const auto sized = [](std::size_t size) { return with_headers("Content-Length: " + std::to_string(size)); };
  RawSocket socket = connect();
  socket.send(sized(kBodyBytesMax) + fits);
  EXPECT_EQ(body_of(read_response(socket)), "POST /x?|||1048576") << "exactly the limit";

  const std::vector<Row> rows = {
      {"announced, unsent", sized(kBodyBytesMax + 1)},
      {"announced, sent", sized(kBodyBytesMax + 1) + fits + "b"},
      {"announced, far too large", sized(1'000'000'000'000) + fits},
      {"announced, asking first", with_headers("Expect: 100-continue\r\nContent-Length: 1048577")},
      {"one chunk", with_headers("Transfer-Encoding: chunked", "100001\r\n" + fits + "b\r\n0\r\n\r\n")},
      {"two chunks", with_headers("Transfer-Encoding: chunked", "100000\r\n" + fits + "\r\n1\r\nb\r\n0\r\n\r\n")},
  };
  for (const Row& row : rows) {
    const std::string received = talk(row.bytes);
    EXPECT_TRUE(received.starts_with("HTTP/1.1 413 ")) << row.name << ": " << received.substr(0, 100);
    EXPECT_TRUE(received.contains("\r\nConnection: close\r\n")) << row.name;
    EXPECT_TRUE(body_of(received).starts_with("POST /x?|")) << row.name << ": the handler knows whose body it was: " << received;
  }
}

TEST_F(ServerTest, AConnectionIsKeptAndPipelined) {
  start();
  RawSocket socket = connect();
  socket.send(std::string(kGet) + "POST /y HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nGET " +
              "POST /z HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n" +
              "GET /last HTTP/1.1\r\nHost: h\r\n");
  for (const char* body : {"GET /x?|||", "POST /y?|||GET ", "POST /z?|||c"}) {
    const std::string response = read_response(socket);
    EXPECT_EQ(body_of(response), body);
    EXPECT_FALSE(response.contains("Connection: close")) << response;
  }
  socket.send("\r\n");
  EXPECT_EQ(body_of(read_response(socket)), "GET /last?|||");
  for (int i = 0; i < 50; ++i) {
    socket.send(kGet);
    EXPECT_EQ(body_of(read_response(socket)), "GET /x?|||");
  }
  socket.end_sending();
  EXPECT_EQ(socket.read_all(), "") << "the end of the client is the end of the connection";
  EXPECT_EQ(handled_, 54);
}

TEST_F(ServerTest, ByteByByteIsTheSame) {
  start();
  RawSocket socket = connect();
  for (const char c : "POST /y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"s + std::string(kGet)) socket.send({&c, 1});
  EXPECT_EQ(body_of(read_response(socket)), "POST /y?|||abc");
  EXPECT_EQ(body_of(read_response(socket)), "GET /x?|||");
}

TEST_F(ServerTest, WhatEndsTheConnection) {
  start();
  const Row rows[] = {
      {"asked to", "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"},
      {"asked to among others", "GET /x HTTP/1.1\r\nHost: h\r\nConnection: TE, Close\r\n\r\n"},
      {"the old version", "GET /x HTTP/1.0\r\n\r\n"},
      {"the old version with a host", "GET /x HTTP/1.0\r\nHost: h\r\n\r\n"},
      {"chunks in the old version",
       "POST /x HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"},
  };
  for (const Row& row : rows) {
    const std::string received = talk(row.bytes + std::string(kGet));
    EXPECT_TRUE(received.starts_with("HTTP/1.1 200 ")) << row.name << received;
    EXPECT_TRUE(received.contains("\r\nConnection: close\r\n")) << row.name;
    EXPECT_EQ(received.rfind("HTTP/1.1 "), 0U) << row.name << ": one answer";
  }
}

TEST_F(ServerTest, ACutRequestReachesNobody) {
  start();
  for (const char* bytes :
       {"", "GET", "GET /x HTTP/1.1\r\nHost: h\r\n", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabc",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n"}) {
    RawSocket socket = connect();
    socket.send(bytes);
    socket.end_sending();
    EXPECT_EQ(socket.read_all(), "") << bytes;
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(ServerTest, HeadIsGetWithoutBody) {
  start();
  RawSocket socket = connect();
  socket.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kGet));
  const std::string head = socket.read_until("\r\n\r\n");
  EXPECT_TRUE(head.contains("\r\nContent-Length: 11\r\n")) << head;
  const std::string next = read_response(socket);
  EXPECT_TRUE(next.starts_with("HTTP/1.1 200 ")) << "no byte of a body lies between: " << next;
  EXPECT_EQ(body_of(next), "GET /x?|||");
}

TEST_F(ServerTest, NoContentHasNeitherLengthNorBody) {
  start();
  RawSocket socket = connect();
  socket.send("DELETE /empty HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kGet));
  const std::string head = socket.read_until("\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 204 No Content\r\n")) << head;
  EXPECT_FALSE(head.contains("Content-")) << head;
  EXPECT_EQ(body_of(read_response(socket)), "GET /x?|||");
}

TEST_F(ServerTest, EveryResponseCarriesADate) {
  start();
  const std::string received = talk("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const auto at = received.find("\r\nDate: ");
  ASSERT_NE(at, std::string::npos) << received;
  const auto date = parse_http_date(received.substr(at + 8, 29));
  ASSERT_TRUE(date) << received;
  EXPECT_LT(std::chrono::abs(std::chrono::system_clock::now() - *date), seconds(3));
}

TEST_F(ServerTest, ContinuesWhenAsked) {
  start();
  RawSocket socket = connect();
  socket.send(with_headers("Expect: 100-Continue\r\nContent-Length: 4"));
  EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(handled_, 0) << "the body comes first";
  socket.send("ab");
  socket.send("cd" + std::string(kGet));
  EXPECT_EQ(body_of(read_response(socket)), "POST /x?|||abcd");
  EXPECT_EQ(body_of(read_response(socket)), "GET /x?|||");
}

TEST_F(ServerTest, DoesNotContinueUnasked) {
  start();
  const Row rows[] = {
      {"the body is there", with_headers("Expect: 100-continue\r\nContent-Length: 4", "abcd")},
      {"there is no body", with_headers("Expect: 100-continue")},
      {"another expectation", with_headers("Expect: 101-continue\r\nContent-Length: 4", "abcd")},
  };
  for (const Row& row : rows) {
    RawSocket socket = connect();
    socket.send(row.bytes);
    EXPECT_TRUE(read_response(socket).starts_with("HTTP/1.1 200 ")) << row.name;
  }
  RawSocket old = connect();
  old.send("POST /x HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  old.end_sending();
  EXPECT_EQ(old.read_all(), "") << "a client of the old version knows no interim answer";
}

TEST_F(ServerTest, LongAnswersArriveWholeAtASlowReader) {
  start();
  RawSocket socket = connect();
  socket.send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kGet));
  EXPECT_EQ(body_of(read_response(socket)).size(), 3'000'000U);
  EXPECT_EQ(body_of(read_response(socket)), "GET /x?|||");
}

TEST_F(ServerTest, StoppingEndsIdleConnectionsAndLetsRequestsEnd) {
  start();
  RawSocket idle = connect(), used = connect(), busy = connect();
  used.send(kGet);
  EXPECT_NE(read_response(used), "");
  busy.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kGet));
  while (waiting_ == 0) std::this_thread::yield();
  stop();
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_EQ(used.read_all(), "");
  EXPECT_FALSE(idle.timed_out() || used.timed_out());
  EXPECT_FALSE(connect().is_open()) << "no new connection";
  asio::post(context_, [this] { signal_.fire(); });
  const std::string answer = busy.read_all();
  EXPECT_TRUE(answer.contains("\r\nConnection: close\r\n")) << answer;
  EXPECT_EQ(body_of(answer), "GET /wait?|||") << "the one in flight, and not the next";
  thread_.join();  // the context has run out of work
}

}  // namespace

}  // namespace granary::http
