;; /empty answers 200 with an empty body: what a request costs when the function costs nothing.
;; No memory, no import: there is nothing to reset.
(module
  (func (export "handle")))
