;; Table: values by key, both byte strings, for several tenants with a quota each. Readers take no lock.
;;   byte  name      written by     read by    meaning
;;      0  IDENTITY  create         attach     0x4c5208vv
;;      4  BUCKETS   create         all        buckets - 1; a power of two
;;      8  SHARDS    create         all        shards - 1; a power of two, at most the buckets: bucket b belongs to shard b mod shards
;;     12  SPINS     create         all        further looks at a held lock, and further tries of a read, before the answer is RETRY
;;     16  TENANTS   create         attach     tenants are 0 .. TENANTS - 1
;;     20  BLOCK     create         all        address of block 0; the blocks have 256 bytes
;;     24  LIST      create         all        address of the free list of the blocks
;;     28  LINK      create         all        address of LINK 0: 4 bytes a block (atomic): index + 1 of the next entry of the bucket
;;     32  HEAD      create         all        address of HEAD 0: 4 bytes a bucket (atomic): index + 1 of its first entry
;;     36  DIRTY     create         all        address of DIRTY 0: 4 bytes a bucket (atomic): 1 = changed since whoever saves it cleared this
;;     40  TENANT    create         all        address of the tenants' cells, 128 bytes each: 0 USED, 4 MOST (blocks, atomic), 8 ENTRIES (atomic)
;;     44  SHARD     create         all        address of the shards' cells, 256 bytes each, below
;;     48  KEY       create         all        two i64: the secret of the hash, so that no guest can fill one bucket on purpose
;;     64  VALUE     create         attach     bytes that a value may have
;;     68  HOLDERS   create         attach     threads; each has a number of its own below this
;;    128  USED      holders        all        blocks in use, of all tenants
;;    132  MOST      create         all        blocks that there are for entries
;; A shard, by offset in its cells (plain but for LOCK and VERSION; the rest is its journal):
;;      0  LOCK      all, CAS       all        0 = free, otherwise holder + 1
;;      4  RESERVED  holder         holder     blocks that the tenant was charged for an operation under way
;;      8  CHARGED   holder         holder     address of that tenant's cells
;;     12  OVERALL   holder         holder     the same number, as far as USED has been charged
;;     16  PENDING   holder         holder     chain of an entry that is being written
;;     32  OLD       holder         holder     chain of an entry that is reachable no more
;;     48  TIMED     holder         all        entries with an end (a hint to others)
;;    128  VERSION   holder         readers    grows when an entry becomes unreachable, before its blocks are given back
;; An entry is a chain of blocks (NEXT cells of the free list); its bytes, in order: 0 TAG (high half of the hash), 4 TENANT, 8 KEY_BYTES,
;; 12 VALUE_BYTES, 16 END (f64, nanoseconds of the clock that callers use; Infinity = none), 24 LAST (index + 1), 28 COUNT, 32 the key,
;; filled up with zeros to a multiple of 8, then the value. The key fits into the first block.
;; A request of a thread, by offset: 0 MODE, 4 TENANT, 8 KEY_BYTES, 12 VALUE_BYTES, 16 NOW, 24 END (f64), 32 EXPECTED_BYTES, 36 address of
;; EXPECTED, 40 DELTA (i64), 48 SUM (i64), 128 the key, 384 the value; key, value and EXPECTED filled up with zeros to a multiple of 8.
;; B1  An entry changes no more once it can be reached; a change is a new entry, linked in by one store in the place of the old one.
;; B2  A block is reused only after VERSION of its entry's shard has grown behind the unlinking. So what a reader copied is of one entry, and
;;     was reachable, if VERSION is what it was before the reader looked at HEAD; otherwise it reads again. A LINK or NEXT that it
;;     read of a reused block is an index all the same, and lengths are cut to the caller's room: it never leaves the table.
;; B3  Only who moved a shard's LOCK from 0 writes its HEADs, its entries' LINKs and its journal. While LOCK is free the journal is empty.
;; B4  USED is the sum of the tenants' USED, each is the sum of COUNT over its entries, and both stay at or below MOST; RESERVED and
;;     OVERALL of a killed holder come off again.
;; B5  Each block is in the free list, in one entry, or in PENDING or OLD of a journal; there are enough of them beyond MOST for one
;;     entry of the greatest size in each shard, so that a value can be replaced when all is full.
;; B6  At each point where a holder can be killed (T), tableRecover gives back what the journal names: the operation has happened, or not.
;; B7  DIRTY is set behind each change of a bucket: who clears it and then reads the bucket misses nothing.
;; Progress: a read is lock-free: it goes round only when a writer of the shard got something done. Writers never wait: RETRY while LOCK is
;; held for longer than SPINS looks. A holder that the kernel has stopped keeps writers of its shard out, and no reader.
;; The hash is SipHash-1-3: J.-P. Aumasson, D. Bernstein, "SipHash: a fast short-input PRF" (2012). B2 is a sequence lock (as Linux has
;; it) over reclamation alone.
;; Rejected: values in one piece (fragments, or classes of sizes that never give memory back to each other); a lock that readers take;
;; writing in place under a sequence lock (a writer that is stopped or killed would keep readers out); growth of the buckets.

  ;; SipHash-1-3 of $tenant and the key.
  (func $tableHash (param $t i32) (param $tenant i32) (param $key i32) (param $bytes i32) (result i64)
    (local $v0 i64) (local $v1 i64) (local $v2 i64) (local $v3 i64) (local $m i64) (local $left i32) (local $final i32)
    (local.set $v0 (i64.xor (i64.load offset=48 (local.get $t)) (i64.const 0x736f6d6570736575)))
    (local.set $v1 (i64.xor (i64.load offset=56 (local.get $t)) (i64.const 0x646f72616e646f6d)))
    (local.set $v2 (i64.xor (i64.load offset=48 (local.get $t)) (i64.const 0x6c7967656e657261)))
    (local.set $v3 (i64.xor (i64.load offset=56 (local.get $t)) (i64.const 0x7465646279746573)))
    (local.set $m
      (i64.or (i64.shl (i64.extend_i32_u (local.get $bytes)) (i64.const 32)) (i64.extend_i32_u (local.get $tenant))))
    (local.set $left (local.get $bytes))
    (local.set $final (i32.const 3))
    (loop $word
      (local.set $v3 (i64.xor (local.get $v3) (local.get $m)))
      (local.set $v0 (i64.add (local.get $v0) (local.get $v1)))
      (local.set $v2 (i64.add (local.get $v2) (local.get $v3)))
      (local.set $v1 (i64.xor (i64.rotl (local.get $v1) (i64.const 13)) (local.get $v0)))
      (local.set $v3 (i64.xor (i64.rotl (local.get $v3) (i64.const 16)) (local.get $v2)))
      (local.set $v0 (i64.add (i64.rotl (local.get $v0) (i64.const 32)) (local.get $v3)))
      (local.set $v2 (i64.add (local.get $v2) (local.get $v1)))
      (local.set $v1 (i64.xor (i64.rotl (local.get $v1) (i64.const 17)) (local.get $v2)))
      (local.set $v3 (i64.xor (i64.rotl (local.get $v3) (i64.const 21)) (local.get $v0)))
      (local.set $v2 (i64.rotl (local.get $v2) (i64.const 32)))
      (local.set $v0 (i64.xor (local.get $v0) (local.get $m)))
      (if (i32.gt_s (local.get $left) (i32.const 0))
        (then
          (local.set $m (i64.load (local.get $key)))
          (local.set $key (i32.add (local.get $key) (i32.const 8)))
          (local.set $left (i32.sub (local.get $left) (i32.const 8)))
          (br $word)))
      (local.set $m (i64.const 0))
      (if (i32.eq (local.get $final) (i32.const 3))
        (then (local.set $v2 (i64.xor (local.get $v2) (i64.const 0xff)))))
      (if (local.get $final)
        (then
          (local.set $final (i32.sub (local.get $final) (i32.const 1)))
          (br $word))))
    (i64.xor (i64.xor (local.get $v0) (local.get $v1)) (i64.xor (local.get $v2) (local.get $v3))))

  ;; Whether the entry that begins in block $b has this key. Under the lock, or to be validated.
  (func $tableIs (param $b i32) (param $tag i32) (param $tenant i32) (param $key i32) (param $bytes i32) (result i32)
    (local $at i32)
    (if (i32.ne (i32.load (local.get $b)) (local.get $tag)) (then (return (i32.const 0))))
    (if (i32.ne (i32.load offset=4 (local.get $b)) (local.get $tenant)) (then (return (i32.const 0))))
    (if (i32.ne (i32.load offset=8 (local.get $b)) (local.get $bytes)) (then (return (i32.const 0))))
    (loop $word
      (if (i32.lt_u (local.get $at) (local.get $bytes))
        (then
          (if (i64.ne
                (i64.load offset=32 (i32.add (local.get $b) (local.get $at)))
                (i64.load (i32.add (local.get $key) (local.get $at))))
            (then (return (i32.const 0))))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br $word))))
    (i32.const 1))

  ;; Copies $bytes of the entry that begins with block $i, from byte $from on, to $to, in words of 8. It ends where the chain does.
  (func $tableCopy (param $t i32) (param $i i32) (param $from i32) (param $to i32) (param $bytes i32)
    (local $b i32)
    (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (local.get $i) (i32.const 8))))
    (loop $word
      (if (i32.gt_s (local.get $bytes) (i32.const 0))
        (then
          (if (i32.eq (local.get $from) (i32.const 256))
            (then
              (local.set $i
                (i32.load offset=384 (i32.add (i32.load offset=24 (local.get $t)) (i32.shl (local.get $i) (i32.const 2)))))
              (if (i32.eqz (local.get $i)) (then (return)))
              (local.set $i (i32.sub (local.get $i) (i32.const 1)))
              (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (local.get $i) (i32.const 8))))
              (local.set $from (i32.const 0))))
          (i64.store (local.get $to) (i64.load (i32.add (local.get $b) (local.get $from))))
          (local.set $from (i32.add (local.get $from) (i32.const 8)))
          (local.set $to (i32.add (local.get $to) (i32.const 8)))
          (local.set $bytes (i32.sub (local.get $bytes) (i32.const 8)))
          (br $word)))))

  ;; Any thread. Copies up to $cap bytes (filled up to a multiple of 8) of the value to $to. Its full length, EMPTY, or RETRY.
  (func (export "tableGet")
    (param $t i32) (param $tenant i32) (param $key i32) (param $bytes i32) (param $now f64) (param $to i32) (param $cap i32) (result i32)
    (local $hash i64) (local $head i32) (local $versionAt i32) (local $version i32) (local $tag i32) (local $tries i32)
    (local $e i32) (local $b i32) (local $n i32) (local $steps i32)
    (local.set $hash (call $tableHash (local.get $t) (local.get $tenant) (local.get $key) (local.get $bytes)))
    (local.set $tag (i32.wrap_i64 (i64.shr_u (local.get $hash) (i64.const 32))))
    (local.set $n (i32.and (i32.wrap_i64 (local.get $hash)) (i32.load offset=4 (local.get $t))))
    (local.set $head (i32.add (i32.load offset=32 (local.get $t)) (i32.shl (local.get $n) (i32.const 2))))
    (local.set $versionAt
      (i32.add
        (i32.add (i32.load offset=44 (local.get $t)) (i32.const 128))
        (i32.shl (i32.and (local.get $n) (i32.load offset=8 (local.get $t))) (i32.const 8))))
    (local.set $tries (i32.load offset=12 (local.get $t)))
    (loop $again
      (local.set $version (i32.atomic.load (local.get $versionAt)))       ;; acquire: before the look at HEAD (B2)
      (local.set $n (i32.const -1))
      (local.set $e (i32.atomic.load (local.get $head)))                  ;; acquire: pairs with the store that links an entry in
      (block $done
        (loop $walk
          (br_if $done (i32.eqz (local.get $e)))
          (local.set $e (i32.sub (local.get $e) (i32.const 1)))
          (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (local.get $e) (i32.const 8))))
          (if (call $tableIs (local.get $b) (local.get $tag) (local.get $tenant) (local.get $key) (local.get $bytes))
            (then
              (br_if $done (f64.le (f64.reinterpret_i64 (i64.load offset=16 (local.get $b))) (local.get $now)))
              (local.set $n (i32.load offset=12 (local.get $b)))
              (call $tableCopy (local.get $t) (local.get $e)
                (i32.add (i32.const 32) (i32.and (i32.add (local.get $bytes) (i32.const 7)) (i32.const -8)))
                (local.get $to)
                (select (local.get $n) (local.get $cap) (i32.lt_u (local.get $n) (local.get $cap))))
              (br $done)))
          ;; In blocks that are reused the way may be a circle.
          (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
          (if (i32.eqz (i32.and (local.get $steps) (i32.const 63)))
            (then (br_if $done (i32.ne (i32.atomic.load (local.get $versionAt)) (local.get $version)))))
          (local.set $e
            (i32.atomic.load (i32.add (i32.load offset=28 (local.get $t)) (i32.shl (local.get $e) (i32.const 2)))))
          (br $walk)))
      (atomic.fence)                                                      ;; the plain loads above come before the load of VERSION
      (if (i32.eq (i32.atomic.load (local.get $versionAt)) (local.get $version)) (then (return (local.get $n))))
      (local.set $tries (i32.sub (local.get $tries) (i32.const 1)))
      (br_if $again (i32.ge_s (local.get $tries) (i32.const 0))))
    (i32.const -2))

  ;; Any thread. Copies the $n-th entry of a bucket, as it lies, to $to: up to $cap bytes. Its bytes, EMPTY, or RETRY. Who reads a whole
  ;; bucket compares VERSION before and behind all of it.
  (func (export "tableEntry")
    (param $t i32) (param $bucket i32) (param $n i32) (param $to i32) (param $cap i32) (result i32)
    (local $versionAt i32) (local $version i32) (local $e i32) (local $b i32)
    (local.set $versionAt
      (i32.add
        (i32.add (i32.load offset=44 (local.get $t)) (i32.const 128))
        (i32.shl (i32.and (local.get $bucket) (i32.load offset=8 (local.get $t))) (i32.const 8))))
    (local.set $version (i32.atomic.load (local.get $versionAt)))
    (local.set $e (i32.atomic.load (i32.add (i32.load offset=32 (local.get $t)) (i32.shl (local.get $bucket) (i32.const 2)))))
    (block $there
      (loop $walk
        (br_if $there (i32.or (i32.eqz (local.get $e)) (i32.le_s (local.get $n) (i32.const 0))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (local.set $e
          (i32.atomic.load (i32.add (i32.load offset=28 (local.get $t)) (i32.shl (i32.sub (local.get $e) (i32.const 1)) (i32.const 2)))))
        (br $walk)))
    (local.set $n (i32.const -1))
    (if (local.get $e)
      (then
        (local.set $e (i32.sub (local.get $e) (i32.const 1)))
        (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (local.get $e) (i32.const 8))))
        (local.set $n
          (i32.add
            (i32.add (i32.const 32) (i32.and (i32.add (i32.load offset=8 (local.get $b)) (i32.const 7)) (i32.const -8)))
            (i32.load offset=12 (local.get $b))))
        (call $tableCopy (local.get $t) (local.get $e) (i32.const 0) (local.get $to)
          (select (local.get $n) (local.get $cap) (i32.lt_u (local.get $n) (local.get $cap))))))
    (atomic.fence)
    (if (i32.eq (i32.atomic.load (local.get $versionAt)) (local.get $version)) (then (return (local.get $n))))
    (i32.const -2))

  ;; 1 = the lock of shard $s is the caller's now.
  (func $tableLock (param $t i32) (param $s i32) (param $holder i32) (result i32)
    (local $spins i32)
    (local.set $spins (i32.load offset=12 (local.get $t)))
    (loop $again
      (if (i32.eqz (i32.atomic.load (local.get $s)))                      ;; look before the CAS: it would take the line from the holder
        (then
          (if (i32.eqz (i32.atomic.rmw.cmpxchg (local.get $s) (i32.const 0) (i32.add (local.get $holder) (i32.const 1))))
            (then (return (i32.const 1))))))                              ;; claim (acquire): pairs with tableSettle
      (local.set $spins (i32.sub (local.get $spins) (i32.const 1)))
      (br_if $again (i32.ge_s (local.get $spins) (i32.const 0))))
    (i32.const 0))

  ;; Holder, or supervisor of a dead one. Gives back all that the journal of shard $s names, and unlocks (B6). Each step is done or not.
  (func $tableSettle (param $t i32) (param $s i32)
    (call $chainRelease (i32.add (local.get $s) (i32.const 16)) (i32.load offset=24 (local.get $t)))
    (if (i32.load offset=4 (local.get $s))
      (then
        (drop (i32.atomic.rmw.sub (i32.load offset=8 (local.get $s)) (i32.load offset=4 (local.get $s))))
        (drop (i32.atomic.rmw.sub offset=128 (local.get $t) (i32.load offset=12 (local.get $s))))
        (i32.store offset=4 (local.get $s) (i32.const 0))
        (i32.store offset=12 (local.get $s) (i32.const 0))))
    (call $chainRelease (i32.add (local.get $s) (i32.const 32)) (i32.load offset=24 (local.get $t)))
    (i32.atomic.store (local.get $s) (i32.const 0)))                      ;; unlock (release)

  ;; Holder. The entry in PENDING (or nothing) takes the place of entry $old (index + 1; 0 = none) behind the link at $link; then settles.
  ;; Neither a call nor a loop stands between the first store and the last before tableSettle (B6).
  (func $tablePublish (param $t i32) (param $s i32) (param $bucket i32) (param $link i32) (param $old i32) (param $cell i32)
    (local $new i32) (local $next i32) (local $b i32) (local $less i32)
    (local.set $new (i32.load offset=16 (local.get $s)))
    (if (local.get $old)
      (then
        (local.set $next
          (i32.atomic.load (i32.add (i32.load offset=28 (local.get $t)) (i32.shl (i32.sub (local.get $old) (i32.const 1)) (i32.const 2)))))))
    (if (local.get $new)
      (then
        (i32.atomic.store
          (i32.add (i32.load offset=28 (local.get $t)) (i32.shl (i32.sub (local.get $new) (i32.const 1)) (i32.const 2)))
          (local.get $next))
        (local.set $b
          (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (i32.sub (local.get $new) (i32.const 1)) (i32.const 8))))
        (i32.store offset=24 (local.get $b) (i32.load offset=20 (local.get $s)))
        (i32.store offset=28 (local.get $b) (i32.load offset=24 (local.get $s)))
        (local.set $less (i32.sub (i32.const 0) (i32.load offset=24 (local.get $s))))
        (local.set $next (local.get $new))))
    (i32.atomic.store (local.get $link) (local.get $next))                ;; publish (release): the entry, all of it (B1)
    (if (local.get $new)
      (then
        (if (f64.lt (f64.reinterpret_i64 (i64.load offset=16 (local.get $b))) (f64.const inf))
          (then (i32.store offset=48 (local.get $s) (i32.add (i32.load offset=48 (local.get $s)) (i32.const 1)))))
        (drop (i32.atomic.rmw.add offset=8 (local.get $cell) (i32.const 1)))
        (i32.store offset=16 (local.get $s) (i32.const 0))
        (i32.store offset=20 (local.get $s) (i32.const 0))
        (i32.store offset=24 (local.get $s) (i32.const 0))))
    (if (local.get $old)
      (then
        (drop (i32.atomic.rmw.add offset=128 (local.get $s) (i32.const 1)))   ;; before OLD can be given back (B2)
        (local.set $b
          (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (i32.sub (local.get $old) (i32.const 1)) (i32.const 8))))
        (if (f64.lt (f64.reinterpret_i64 (i64.load offset=16 (local.get $b))) (f64.const inf))
          (then (i32.store offset=48 (local.get $s) (i32.sub (i32.load offset=48 (local.get $s)) (i32.const 1)))))
        (drop (i32.atomic.rmw.sub offset=8 (local.get $cell) (i32.const 1)))
        (local.set $less (i32.add (local.get $less) (i32.load offset=28 (local.get $b))))
        (i32.store offset=36 (local.get $s) (i32.load offset=24 (local.get $b)))
        (i32.store offset=40 (local.get $s) (i32.load offset=28 (local.get $b)))
        (i32.store offset=32 (local.get $s) (local.get $old))))
    (i32.store offset=4 (local.get $s) (i32.const 0))                     ;; what was charged stays charged
    (i32.store offset=12 (local.get $s) (i32.const 0))
    (if (i32.gt_s (local.get $less) (i32.const 0))
      (then
        (drop (i32.atomic.rmw.sub (local.get $cell) (local.get $less)))
        (drop (i32.atomic.rmw.sub offset=128 (local.get $t) (local.get $less)))))
    (i32.atomic.store                                                     ;; behind the publishing (B7)
      (i32.add (i32.load offset=36 (local.get $t)) (i32.shl (local.get $bucket) (i32.const 2)))
      (i32.const 1))
    (call $tableSettle (local.get $t) (local.get $s)))

  ;; Holder. Charges $more blocks to the tenant and to the table, and takes $need blocks for PENDING. 0, FULL, or -4: over the tenant's quota.
  (func $tableTake (param $t i32) (param $s i32) (param $cell i32) (param $more i32) (param $need i32) (result i32)
    (local $used i32)
    (if (i32.gt_s (local.get $more) (i32.const 0))
      (then
        (loop $tenant
          (local.set $used (i32.atomic.load (local.get $cell)))
          (if (i32.gt_u (i32.add (local.get $used) (local.get $more)) (i32.atomic.load offset=4 (local.get $cell)))
            (then (return (i32.const -4))))
          (br_if $tenant
            (i32.ne (local.get $used)
              (i32.atomic.rmw.cmpxchg (local.get $cell) (local.get $used) (i32.add (local.get $used) (local.get $more))))))
        (i32.store offset=8 (local.get $s) (local.get $cell))             ;; in one breath with the CAS (T)
        (i32.store offset=4 (local.get $s) (local.get $more))
        (loop $overall
          (local.set $used (i32.atomic.load offset=128 (local.get $t)))
          (if (i32.gt_u (i32.add (local.get $used) (local.get $more)) (i32.load offset=132 (local.get $t)))
            (then (return (i32.const -3))))
          (br_if $overall
            (i32.ne (local.get $used)
              (i32.atomic.rmw.cmpxchg offset=128 (local.get $t) (local.get $used) (i32.add (local.get $used) (local.get $more))))))
        (i32.store offset=12 (local.get $s) (local.get $more))))
    (loop $block
      (if (i32.lt_s (i32.load offset=24 (local.get $s)) (local.get $need))
        (then
          (br_if $block
            (i32.ge_s (call $chainAppend (i32.add (local.get $s) (i32.const 16)) (i32.load offset=24 (local.get $t))) (i32.const 0)))
          (return (i32.const -3)))))                                      ;; B5 says that this does not happen
    (i32.const 0))

  ;; Holder. Writes the request at $q into the chain PENDING.
  (func $tableFill (param $t i32) (param $s i32) (param $q i32) (param $tag i32)
    (local $i i32) (local $b i32) (local $at i32) (local $from i32) (local $left i32)
    (local.set $i (i32.sub (i32.load offset=16 (local.get $s)) (i32.const 1)))
    (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (local.get $i) (i32.const 8))))
    (i32.store (local.get $b) (local.get $tag))
    (i32.store offset=4 (local.get $b) (i32.load offset=4 (local.get $q)))
    (i32.store offset=8 (local.get $b) (i32.load offset=8 (local.get $q)))
    (i32.store offset=12 (local.get $b) (i32.load offset=12 (local.get $q)))
    (i64.store offset=16 (local.get $b) (i64.load offset=24 (local.get $q)))
    (local.set $at (i32.const 32))
    (local.set $from (i32.add (local.get $q) (i32.const 128)))
    (local.set $left (i32.load offset=8 (local.get $q)))
    (loop $key
      (if (i32.gt_s (local.get $left) (i32.const 0))
        (then
          (i64.store (i32.add (local.get $b) (local.get $at)) (i64.load (local.get $from)))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (local.set $from (i32.add (local.get $from) (i32.const 8)))
          (local.set $left (i32.sub (local.get $left) (i32.const 8)))
          (br $key))))
    (local.set $from (i32.add (local.get $q) (i32.const 384)))
    (local.set $left (i32.load offset=12 (local.get $q)))
    (loop $value
      (if (i32.gt_s (local.get $left) (i32.const 0))
        (then
          (if (i32.eq (local.get $at) (i32.const 256))
            (then
              (local.set $i
                (i32.sub
                  (i32.load offset=384 (i32.add (i32.load offset=24 (local.get $t)) (i32.shl (local.get $i) (i32.const 2))))
                  (i32.const 1)))
              (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (local.get $i) (i32.const 8))))
              (local.set $at (i32.const 0))))
          (i64.store (i32.add (local.get $b) (local.get $at)) (i64.load (local.get $from)))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (local.set $from (i32.add (local.get $from) (i32.const 8)))
          (local.set $left (i32.sub (local.get $left) (i32.const 8)))
          (br $value)))))

  ;; Holder. Whether the value of entry $e (index) is EXPECTED of the request.
  (func $tableEquals (param $t i32) (param $q i32) (param $e i32) (result i32)
    (local $b i32) (local $at i32) (local $from i32) (local $left i32)
    (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (local.get $e) (i32.const 8))))
    (local.set $left (i32.load offset=32 (local.get $q)))
    (if (i32.ne (i32.load offset=12 (local.get $b)) (local.get $left)) (then (return (i32.const 0))))
    (local.set $from (i32.load offset=36 (local.get $q)))
    (local.set $at (i32.add (i32.const 32) (i32.and (i32.add (i32.load offset=8 (local.get $q)) (i32.const 7)) (i32.const -8))))
    (loop $word
      (if (i32.gt_s (local.get $left) (i32.const 0))
        (then
          (if (i32.eq (local.get $at) (i32.const 256))
            (then
              (local.set $e
                (i32.sub
                  (i32.load offset=384 (i32.add (i32.load offset=24 (local.get $t)) (i32.shl (local.get $e) (i32.const 2))))
                  (i32.const 1)))
              (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (local.get $e) (i32.const 8))))
              (local.set $at (i32.const 0))))
          (if (i64.ne (i64.load (i32.add (local.get $b) (local.get $at))) (i64.load (local.get $from))) (then (return (i32.const 0))))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (local.set $from (i32.add (local.get $from) (i32.const 8)))
          (local.set $left (i32.sub (local.get $left) (i32.const 8)))
          (br $word))))
    (i32.const 1))

  ;; Holder. Makes the sum of entry $e (index; -1 = 0) and DELTA the value of the request. 0, -7: no number of 8 bytes, or -8: overflow.
  (func $tableSum (param $t i32) (param $q i32) (param $e i32) (result i32)
    (local $delta i64) (local $sum i64) (local $old i64) (local $b i32)
    (local.set $delta (i64.load offset=40 (local.get $q)))
    (if (i32.ge_s (local.get $e) (i32.const 0))
      (then
        (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (local.get $e) (i32.const 8))))
        (if (i32.ne (i32.load offset=12 (local.get $b)) (i32.const 8)) (then (return (i32.const -7))))
        (call $tableCopy (local.get $t) (local.get $e)
          (i32.add (i32.const 32) (i32.and (i32.add (i32.load offset=8 (local.get $q)) (i32.const 7)) (i32.const -8)))
          (i32.add (local.get $q) (i32.const 48)) (i32.const 8))
        (local.set $old (i64.load offset=48 (local.get $q)))
        (i64.store offset=24 (local.get $q) (i64.load offset=16 (local.get $b)))))   ;; its end stays
    (local.set $sum (i64.add (local.get $old) (local.get $delta)))
    (if (i64.lt_s
          (i64.and (i64.xor (local.get $sum) (local.get $old)) (i64.xor (local.get $sum) (local.get $delta)))
          (i64.const 0))
      (then (return (i32.const -8))))
    (i64.store offset=48 (local.get $q) (local.get $sum))
    (i64.store offset=384 (local.get $q) (local.get $sum))
    (i32.store offset=12 (local.get $q) (i32.const 8))
    (i32.const 0))

  ;; Any thread, $holder being its number and $q its request. MODE: 0 set; 1 insert: -5 when the key is there; 2 swap: EMPTY when it is not,
  ;; -6 when its value is not EXPECTED; 3 add DELTA to a number of 8 bytes, 0 where there is none: -7, -8; 4 delete: EMPTY. 0 when it is done;
  ;; RETRY; FULL; -4 when the tenant would be over its quota.
  (func (export "tableWrite") (param $t i32) (param $holder i32) (param $q i32) (result i32)
    (local $hash i64) (local $bucket i32) (local $s i32) (local $link i32) (local $e i32) (local $b i32) (local $cell i32)
    (local $isThere i32) (local $mode i32) (local $answer i32) (local $had i32) (local $need i32)
    (local.set $hash
      (call $tableHash (local.get $t) (i32.load offset=4 (local.get $q)) (i32.add (local.get $q) (i32.const 128)) (i32.load offset=8 (local.get $q))))
    (local.set $bucket (i32.and (i32.wrap_i64 (local.get $hash)) (i32.load offset=4 (local.get $t))))
    (local.set $s
      (i32.add (i32.load offset=44 (local.get $t))
        (i32.shl (i32.and (local.get $bucket) (i32.load offset=8 (local.get $t))) (i32.const 8))))
    (local.set $cell (i32.add (i32.load offset=40 (local.get $t)) (i32.shl (i32.load offset=4 (local.get $q)) (i32.const 7))))
    (local.set $mode (i32.load (local.get $q)))
    (if (i32.eqz (call $tableLock (local.get $t) (local.get $s) (local.get $holder))) (then (return (i32.const -2))))
    (local.set $link (i32.add (i32.load offset=32 (local.get $t)) (i32.shl (local.get $bucket) (i32.const 2))))
    (block $found
      (loop $walk
        (local.set $e (i32.atomic.load (local.get $link)))
        (br_if $found (i32.eqz (local.get $e)))
        (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (i32.sub (local.get $e) (i32.const 1)) (i32.const 8))))
        (br_if $found
          (call $tableIs (local.get $b) (i32.wrap_i64 (i64.shr_u (local.get $hash) (i64.const 32)))
            (i32.load offset=4 (local.get $q)) (i32.add (local.get $q) (i32.const 128)) (i32.load offset=8 (local.get $q))))
        (local.set $link (i32.add (i32.load offset=28 (local.get $t)) (i32.shl (i32.sub (local.get $e) (i32.const 1)) (i32.const 2))))
        (br $walk)))
    (if (local.get $e)
      (then
        (local.set $isThere
          (f64.lt (f64.reinterpret_i64 (i64.load offset=16 (local.get $q))) (f64.reinterpret_i64 (i64.load offset=16 (local.get $b)))))
        (local.set $had (i32.load offset=28 (local.get $b)))))
    (block $refused
      (if (i32.eq (local.get $mode) (i32.const 4))
        (then
          (local.set $answer (i32.const -1))
          (br_if $refused (i32.eqz (local.get $isThere)))
          (call $tablePublish (local.get $t) (local.get $s) (local.get $bucket) (local.get $link) (local.get $e) (local.get $cell))
          (return (i32.const 0))))
      (if (i32.eq (local.get $mode) (i32.const 1))
        (then
          (local.set $answer (i32.const -5))
          (br_if $refused (local.get $isThere))))
      (if (i32.eq (local.get $mode) (i32.const 2))
        (then
          (local.set $answer (i32.const -1))
          (br_if $refused (i32.eqz (local.get $isThere)))
          (local.set $answer (i32.const -6))
          (br_if $refused (i32.eqz (call $tableEquals (local.get $t) (local.get $q) (i32.sub (local.get $e) (i32.const 1)))))))
      (if (i32.eq (local.get $mode) (i32.const 3))
        (then
          (local.set $answer
            (call $tableSum (local.get $t) (local.get $q)
              (select (i32.sub (local.get $e) (i32.const 1)) (i32.const -1) (local.get $isThere))))
          (br_if $refused (local.get $answer))))
      (local.set $need
        (i32.shr_u
          (i32.add
            (i32.add (i32.const 287) (i32.and (i32.add (i32.load offset=8 (local.get $q)) (i32.const 7)) (i32.const -8)))
            (i32.load offset=12 (local.get $q)))
          (i32.const 8)))
      (local.set $answer
        (call $tableTake (local.get $t) (local.get $s) (local.get $cell) (i32.sub (local.get $need) (local.get $had)) (local.get $need)))
      (br_if $refused (local.get $answer))
      (call $tableFill (local.get $t) (local.get $s) (local.get $q) (i32.wrap_i64 (i64.shr_u (local.get $hash) (i64.const 32))))
      (call $tablePublish (local.get $t) (local.get $s) (local.get $bucket) (local.get $link) (local.get $e) (local.get $cell))
      (return (i32.const 0)))
    (call $tableSettle (local.get $t) (local.get $s))
    (local.get $answer))

  ;; Any thread. Takes out one entry of the bucket whose END is not behind $now. 1, 0 when there is none, or RETRY.
  (func (export "tableSweep") (param $t i32) (param $holder i32) (param $bucket i32) (param $now f64) (result i32)
    (local $s i32) (local $link i32) (local $e i32) (local $b i32)
    (local.set $s
      (i32.add (i32.load offset=44 (local.get $t))
        (i32.shl (i32.and (local.get $bucket) (i32.load offset=8 (local.get $t))) (i32.const 8))))
    (if (i32.eqz (call $tableLock (local.get $t) (local.get $s) (local.get $holder))) (then (return (i32.const -2))))
    (local.set $link (i32.add (i32.load offset=32 (local.get $t)) (i32.shl (local.get $bucket) (i32.const 2))))
    (block $found
      (loop $walk
        (local.set $e (i32.atomic.load (local.get $link)))
        (if (i32.eqz (local.get $e))
          (then
            (call $tableSettle (local.get $t) (local.get $s))
            (return (i32.const 0))))
        (local.set $b (i32.add (i32.load offset=20 (local.get $t)) (i32.shl (i32.sub (local.get $e) (i32.const 1)) (i32.const 8))))
        (br_if $found (f64.le (f64.reinterpret_i64 (i64.load offset=16 (local.get $b))) (local.get $now)))
        (local.set $link (i32.add (i32.load offset=28 (local.get $t)) (i32.shl (i32.sub (local.get $e) (i32.const 1)) (i32.const 2))))
        (br $walk)))
    (call $tablePublish (local.get $t) (local.get $s) (local.get $bucket) (local.get $link) (local.get $e)
      (i32.add (i32.load offset=40 (local.get $t)) (i32.shl (i32.load offset=4 (local.get $b)) (i32.const 7))))
    (i32.const 1))

  ;; The supervisor, when the thread with this number is dead. How many shards it had locked.
  (func (export "tableRecover") (param $t i32) (param $holder i32) (result i32)
    (local $s i32) (local $left i32) (local $n i32)
    (local.set $s (i32.load offset=44 (local.get $t)))
    (local.set $left (i32.load offset=8 (local.get $t)))
    (loop $shard
      (if (i32.eq (i32.atomic.load (local.get $s)) (i32.add (local.get $holder) (i32.const 1)))
        (then
          (call $tableSettle (local.get $t) (local.get $s))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))))
      (local.set $s (i32.add (local.get $s) (i32.const 256)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $shard (i32.ge_s (local.get $left) (i32.const 0))))
    (local.get $n))
