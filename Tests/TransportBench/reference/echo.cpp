// The measure for Tender's own transport: gRPC C++ with completion queues, one thread a side, unary
// echo over mutual TLS, bytes as messages. Server and client are processes of their own.
//
// echo FOLDER SERVER CLIENT CALLS IN_FLIGHT
// FOLDER holds ca.pem, SERVER.pem, SERVER.key (for localhost), CLIENT.pem, CLIENT.key; prints {"server":µs,"client":µs,"rate":calls/s}: processor time of each side a call.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr char kMethod[] = "/bench.Echo/Unary";
constexpr size_t kPayloadBytes = 109;
constexpr int kWarmUpShare = 5;

std::string Read(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::cerr << "cannot read " << path << "\n";
    exit(69);
  }
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

double CPUMicroseconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  auto micros = [](const timeval& time) { return time.tv_sec * 1e6 + time.tv_usec; };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

// One call's place at the server: waits for a call, reads, answers, and starts again.
class ServerCall {
 public:
  ServerCall(grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue)
      : service_(service), queue_(queue) {
    service_->RequestCall(&context_, &stream_, queue_, queue_, this);
  }

  void Proceed(bool ok) {
    if (!ok) return delete this;
    switch (step_++) {
      case 0:
        new ServerCall(service_, queue_);
        return stream_.Read(&message_, this);
      case 1:
        return stream_.WriteAndFinish(message_, grpc::WriteOptions(), grpc::Status::OK, this);
      default:
        delete this;
    }
  }

 private:
  grpc::AsyncGenericService* service_;
  grpc::ServerCompletionQueue* queue_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer message_;
  int step_ = 0;
};

// Commands: one byte each. 'c' asks for the processor time so far, the end of the pipe ends it.
int Serve(const std::string& folder, const std::string& name, int in_flight, int commands,
          int answers) {
  grpc::SslServerCredentialsOptions tls(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = Read(folder + "/ca.pem");
  tls.pem_key_cert_pairs.push_back({Read(folder + "/" + name + ".key"), Read(folder + "/" + name + ".pem")});
  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port);
  builder.RegisterAsyncGenericService(&service);
  auto queue = builder.AddCompletionQueue();
  auto server = builder.BuildAndStart();
  if (!server || write(answers, &port, sizeof port) != sizeof port) return 1;
  for (int i = 0; i < in_flight; i++) new ServerCall(&service, queue.get());
  std::thread worker([&] {
    void* tag;
    bool ok;
    while (queue->Next(&tag, &ok)) static_cast<ServerCall*>(tag)->Proceed(ok);
  });
  char command;
  while (read(commands, &command, 1) == 1) {
    double cpu = CPUMicroseconds();
    if (write(answers, &cpu, sizeof cpu) != sizeof cpu) break;
  }
  server->Shutdown(std::chrono::system_clock::now());
  queue->Shutdown();
  worker.join();
  return 0;
}

struct ClientCall {
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer answer;
  grpc::Status status;
};

class Client {
 public:
  Client(const std::string& folder, const std::string& name, int port) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = Read(folder + "/ca.pem");
    tls.pem_private_key = Read(folder + "/" + name + ".key");
    tls.pem_cert_chain = Read(folder + "/" + name + ".pem");
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    stub_ = std::make_unique<grpc::GenericStub>(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port), grpc::SslCredentials(tls), arguments));
    grpc::Slice slice(std::string(kPayloadBytes, 7));
    request_ = grpc::ByteBuffer(&slice, 1);
  }

  void Run(int calls, int in_flight) {
    left_ = calls;
    std::vector<ClientCall> places(in_flight);
    for (auto& place : places) Start(place);
    int open = in_flight;
    void* tag;
    bool ok;
    while (open > 0 && queue_.Next(&tag, &ok)) {
      auto& place = *static_cast<ClientCall*>(tag);
      if (!place.status.ok() || place.answer.Length() != kPayloadBytes) {
        std::cerr << "a call failed: " << place.status.error_message() << "\n";
        exit(1);
      }
      if (left_ > 0) Start(place); else open--;
    }
  }

 private:
  void Start(ClientCall& place) {
    left_--;
    place.context = std::make_unique<grpc::ClientContext>();
    place.answer.Clear();
    place.reader = stub_->PrepareUnaryCall(place.context.get(), kMethod, request_, &queue_);
    place.reader->StartCall();
    place.reader->Finish(&place.answer, &place.status, &place);
  }

  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::ByteBuffer request_;
  int left_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) {
    std::cerr << "usage: echo FOLDER SERVER CLIENT CALLS IN_FLIGHT\n";
    return 64;
  }
  std::string folder = arguments[1];
  int calls = atoi(arguments[4]);
  int in_flight = atoi(arguments[5]);
  int commands[2], answers[2];
  if (pipe(commands) != 0 || pipe(answers) != 0) return 69;
  pid_t child = fork();
  if (child == 0) {
    close(commands[1]);
    close(answers[0]);
    _exit(Serve(folder, arguments[2], in_flight, commands[0], answers[1]));
  }
  close(commands[0]);
  close(answers[1]);
  auto server_cpu = [&] {
    double cpu = 0;
    if (write(commands[1], "c", 1) != 1 || read(answers[0], &cpu, sizeof cpu) != sizeof cpu) {
      std::cerr << "the server ended\n";
      exit(1);
    }
    return cpu;
  };
  int port = 0;
  if (read(answers[0], &port, sizeof port) != sizeof port) return 1;
  Client client(folder, arguments[3], port);
  client.Run(calls / kWarmUpShare, in_flight);
  double server_before = server_cpu(), client_before = CPUMicroseconds();
  auto start = std::chrono::steady_clock::now();
  client.Run(calls, in_flight);
  std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  double server = server_cpu() - server_before, own = CPUMicroseconds() - client_before;
  printf("{\"server\":%.2f,\"client\":%.2f,\"rate\":%.0f}\n", server / calls, own / calls,
         calls / elapsed.count());
  close(commands[1]);
  waitpid(child, nullptr, 0);
  return 0;
}
