/** The peer's server under workerd, without WebAssembly. */
export default { fetch: () => new Response('hello') };
