// Open-loop load on a local port: requests begin at random times of a given rate (Poisson), whether answers have come or not, and the latency
// of each counts from when it was meant to begin. One that finds no idle connection waits for one, and that is counted, too.
//
//   open-loop PORT PATH RATE SECONDS CONNECTIONS SEED BODY
//
// A request at a time on a connection. Each answer must be 200 with exactly BODY. Arrivals of the first tenth of the time are not counted.
// Prints a line of JSON; `late` is what passed between the intended begin and the moment at which this program woke up for it: its own part of the latency.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDrain = 5 * kSecond;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "open-loop: %s\n", why.c_str());
  std::exit(1);
}

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

struct Connection {
  int fd;
  int64_t intended = 0;
  bool isBusy = false;
  std::string input;
};

int dial(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("cannot connect");
  return fd;
}

void send(const Connection& connection, const std::string& request) {
  const ssize_t sent = write(connection.fd, request.data(), request.size());
  if (sent != static_cast<ssize_t>(request.size())) fail("a request did not go out whole");
}

// True when `input` is a whole answer; it must be the right one.
bool isAnswered(const std::string& input, const std::string& body) {
  const size_t end = input.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  if (input.compare(0, 12, "HTTP/1.1 200") != 0) fail("an answer begins with " + input.substr(0, 40));
  size_t length = std::string::npos;
  for (size_t line = input.find("\r\n"); line < end; line = input.find("\r\n", line + 2)) {
    if (strncasecmp(input.c_str() + line + 2, "content-length:", 15) != 0) continue;
    length = std::strtoul(input.c_str() + line + 17, nullptr, 10);
  }
  if (length != body.size()) fail("an answer has another length than it should");
  if (input.size() < end + 4 + length) return false;
  if (input.compare(end + 4, std::string::npos, body) != 0) fail("an answer has another body than it should");
  return true;
}

double usAt(std::vector<int64_t>& sorted, double q) {
  if (sorted.empty()) fail("nothing was answered");
  return static_cast<double>(sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))]) / 1e3;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 8) fail("expected PORT PATH RATE SECONDS CONNECTIONS SEED BODY");
  const int port = std::atoi(arguments[1]);
  const double rate = std::atof(arguments[3]);
  const double seconds = std::atof(arguments[4]);
  const size_t size = std::strtoul(arguments[5], nullptr, 10);
  std::mt19937_64 random(std::strtoul(arguments[6], nullptr, 10));
  const std::string body = arguments[7];
  const std::string request =
      "GET " + std::string(arguments[2]) + " HTTP/1.1\r\nHost: 127.0.0.1:" + arguments[1] + "\r\n\r\n";

  // Otherwise timers of this thread are 50 us late on purpose.
  prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
  const int poll = epoll_create1(0);
  std::vector<Connection> connections(size);
  std::deque<size_t> idle;
  for (size_t i = 0; i < size; i++) {
    connections[i].fd = dial(port);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event);
    idle.push_back(i);
  }

  std::exponential_distribution<double> gap(rate / static_cast<double>(kSecond));
  const int64_t start = now();
  const int64_t end = start + static_cast<int64_t>(seconds * kSecond);
  const int64_t counted = start + static_cast<int64_t>(seconds * kSecond / 10);
  double next = static_cast<double>(start) + gap(random);
  std::deque<int64_t> waiting;
  std::vector<int64_t> latencies, late;
  latencies.reserve(static_cast<size_t>(rate * seconds * 1.2) + 100);
  late.reserve(latencies.capacity());
  size_t owed = 0, requests = 0;

  const auto begin = [&](int64_t intended) {
    Connection& connection = connections[idle.front()];
    idle.pop_front();
    connection.intended = intended;
    connection.isBusy = true;
    send(connection, request);
  };

  char bytes[65536];
  epoll_event events[64];
  while (true) {
    const int64_t time = now();
    while (static_cast<int64_t>(next) <= time && static_cast<int64_t>(next) < end) {
      const int64_t intended = static_cast<int64_t>(next);
      if (intended >= counted) late.push_back(time - intended);
      owed++;
      requests++;
      if (idle.empty()) waiting.push_back(intended);
      else begin(intended);
      next += gap(random);
    }
    const bool isOver = static_cast<int64_t>(next) >= end;
    if (isOver && owed == 0) break;
    if (time > end + kDrain) fail("answers are missing");
    const int64_t wait = std::max<int64_t>(0, (isOver ? end + kDrain : static_cast<int64_t>(next)) + 1 - now());
    const timespec timeout{wait / kSecond, wait % kSecond};
    const int ready = epoll_pwait2(poll, events, 64, &timeout, nullptr);
    if (ready < 0 && errno != EINTR) fail("epoll_pwait2 failed");
    for (int i = 0; i < ready; i++) {
      Connection& connection = connections[events[i].data.u64];
      const ssize_t got = read(connection.fd, bytes, sizeof bytes);
      if (got <= 0) fail("a connection ended");
      if (!connection.isBusy) fail("bytes without a request");
      connection.input.append(bytes, static_cast<size_t>(got));
      if (!isAnswered(connection.input, body)) continue;
      const int64_t latency = now() - connection.intended;
      if (connection.intended >= counted) latencies.push_back(latency);
      connection.input.clear();
      connection.isBusy = false;
      owed--;
      idle.push_back(events[i].data.u64);
      if (!waiting.empty()) {
        begin(waiting.front());
        waiting.pop_front();
      }
    }
  }

  std::sort(latencies.begin(), latencies.end());
  std::sort(late.begin(), late.end());
  if (latencies.size() != late.size()) fail("answers and requests differ in number");
  std::printf(
      "{\"requests\":%zu,\"counted\":%zu,\"p50\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"max\":%.2f,\"lateP50\":%.2f,\"lateP99\":%.2f}\n",
      requests, latencies.size(), usAt(latencies, 0.5), usAt(latencies, 0.99), usAt(latencies, 0.999), usAt(latencies, 1),
      usAt(late, 0.5), usAt(late, 0.99));
}
