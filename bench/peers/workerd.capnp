# Both workers; `hello` or `fib` names the constant: workerd serve workerd.capnp hello
using Workerd = import "/workerd/workerd.capnp";

const hello :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker-hello.js")],
    compatibilityDate = "2026-01-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const fib :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [
      (name = "worker.js", esModule = embed "worker-fib.js"),
      (name = "fib.js", esModule = embed "fib.js"),
      (name = "fib.wasm", wasm = embed "../../examples/build/fib.wasm"),
    ],
    compatibilityDate = "2026-01-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
