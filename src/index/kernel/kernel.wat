;; The arithmetic that JavaScript is slow at: sums over float32 vectors with SIMD, and a hash of 128
;; bits. All addresses are bytes in the memory that is given; nothing here allocates.
;;
;; `npm run kernel` assembles this into kernel-bytes.ts.
(module
  (import "walv" "memory" (memory 1 65536 shared))

  ;; Writes the inner product of the query with each of `count` rows to `out`, as float32.
  ;;
  ;; The elements are added in 16 sums, four vectors of four, which are added at the end; those that
  ;; are left over when the dimensions are no multiple of 16 go to the first sum of four, the last
  ;; three at most one after the other. So no sum has more than dimensions / 16 + 3 summands before
  ;; the sums are added: screen.ts bounds the error by that.
  (func (export "innerProducts")
    (param $query i32) (param $rows i32) (param $count i32) (param $dimensions i32) (param $out i32)
    (local $q i32) (local $r i32) (local $end i32) (local $end16 i32) (local $end4 i32) (local $outEnd i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $sum f32)
    (local.set $end (i32.add (local.get $query) (i32.shl (local.get $dimensions) (i32.const 2))))
    (local.set $end16
      (i32.add (local.get $query) (i32.and (i32.shl (local.get $dimensions) (i32.const 2)) (i32.const -64))))
    (local.set $end4
      (i32.add (local.get $query) (i32.and (i32.shl (local.get $dimensions) (i32.const 2)) (i32.const -16))))
    (local.set $outEnd (i32.add (local.get $out) (i32.shl (local.get $count) (i32.const 2))))
    (local.set $r (local.get $rows))
    (block $done
      (br_if $done (i32.eqz (local.get $count)))
      (loop $row
        (local.set $q (local.get $query))
        (local.set $a (v128.const i32x4 0 0 0 0))
        (local.set $b (v128.const i32x4 0 0 0 0))
        (local.set $c (v128.const i32x4 0 0 0 0))
        (local.set $d (v128.const i32x4 0 0 0 0))
        (block $ended16
          (br_if $ended16 (i32.eq (local.get $q) (local.get $end16)))
          (loop $by16
            (local.set $a (f32x4.add (local.get $a)
              (f32x4.mul (v128.load (local.get $q)) (v128.load (local.get $r)))))
            (local.set $b (f32x4.add (local.get $b)
              (f32x4.mul (v128.load offset=16 (local.get $q)) (v128.load offset=16 (local.get $r)))))
            (local.set $c (f32x4.add (local.get $c)
              (f32x4.mul (v128.load offset=32 (local.get $q)) (v128.load offset=32 (local.get $r)))))
            (local.set $d (f32x4.add (local.get $d)
              (f32x4.mul (v128.load offset=48 (local.get $q)) (v128.load offset=48 (local.get $r)))))
            (local.set $q (i32.add (local.get $q) (i32.const 64)))
            (local.set $r (i32.add (local.get $r) (i32.const 64)))
            (br_if $by16 (i32.ne (local.get $q) (local.get $end16)))))
        (block $ended4
          (br_if $ended4 (i32.eq (local.get $q) (local.get $end4)))
          (loop $by4
            (local.set $a (f32x4.add (local.get $a)
              (f32x4.mul (v128.load (local.get $q)) (v128.load (local.get $r)))))
            (local.set $q (i32.add (local.get $q) (i32.const 16)))
            (local.set $r (i32.add (local.get $r) (i32.const 16)))
            (br_if $by4 (i32.ne (local.get $q) (local.get $end4)))))
        (local.set $sum (call $total (local.get $a) (local.get $b) (local.get $c) (local.get $d)))
        (block $ended
          (br_if $ended (i32.eq (local.get $q) (local.get $end)))
          (loop $by1
            (local.set $sum (f32.add (local.get $sum)
              (f32.mul (f32.load (local.get $q)) (f32.load (local.get $r)))))
            (local.set $q (i32.add (local.get $q) (i32.const 4)))
            (local.set $r (i32.add (local.get $r) (i32.const 4)))
            (br_if $by1 (i32.ne (local.get $q) (local.get $end)))))
        (f32.store (local.get $out) (local.get $sum))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (br_if $row (i32.ne (local.get $out) (local.get $outEnd))))))

  ;; The same with the squared Euclidean distance.
  (func (export "squaredDistances")
    (param $query i32) (param $rows i32) (param $count i32) (param $dimensions i32) (param $out i32)
    (local $q i32) (local $r i32) (local $end i32) (local $end16 i32) (local $end4 i32) (local $outEnd i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $x v128)
    (local $sum f32) (local $y f32)
    (local.set $end (i32.add (local.get $query) (i32.shl (local.get $dimensions) (i32.const 2))))
    (local.set $end16
      (i32.add (local.get $query) (i32.and (i32.shl (local.get $dimensions) (i32.const 2)) (i32.const -64))))
    (local.set $end4
      (i32.add (local.get $query) (i32.and (i32.shl (local.get $dimensions) (i32.const 2)) (i32.const -16))))
    (local.set $outEnd (i32.add (local.get $out) (i32.shl (local.get $count) (i32.const 2))))
    (local.set $r (local.get $rows))
    (block $done
      (br_if $done (i32.eqz (local.get $count)))
      (loop $row
        (local.set $q (local.get $query))
        (local.set $a (v128.const i32x4 0 0 0 0))
        (local.set $b (v128.const i32x4 0 0 0 0))
        (local.set $c (v128.const i32x4 0 0 0 0))
        (local.set $d (v128.const i32x4 0 0 0 0))
        (block $ended16
          (br_if $ended16 (i32.eq (local.get $q) (local.get $end16)))
          (loop $by16
            (local.set $x (f32x4.sub (v128.load (local.get $q)) (v128.load (local.get $r))))
            (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $x) (local.get $x))))
            (local.set $x (f32x4.sub (v128.load offset=16 (local.get $q)) (v128.load offset=16 (local.get $r))))
            (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $x) (local.get $x))))
            (local.set $x (f32x4.sub (v128.load offset=32 (local.get $q)) (v128.load offset=32 (local.get $r))))
            (local.set $c (f32x4.add (local.get $c) (f32x4.mul (local.get $x) (local.get $x))))
            (local.set $x (f32x4.sub (v128.load offset=48 (local.get $q)) (v128.load offset=48 (local.get $r))))
            (local.set $d (f32x4.add (local.get $d) (f32x4.mul (local.get $x) (local.get $x))))
            (local.set $q (i32.add (local.get $q) (i32.const 64)))
            (local.set $r (i32.add (local.get $r) (i32.const 64)))
            (br_if $by16 (i32.ne (local.get $q) (local.get $end16)))))
        (block $ended4
          (br_if $ended4 (i32.eq (local.get $q) (local.get $end4)))
          (loop $by4
            (local.set $x (f32x4.sub (v128.load (local.get $q)) (v128.load (local.get $r))))
            (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $x) (local.get $x))))
            (local.set $q (i32.add (local.get $q) (i32.const 16)))
            (local.set $r (i32.add (local.get $r) (i32.const 16)))
            (br_if $by4 (i32.ne (local.get $q) (local.get $end4)))))
        (local.set $sum (call $total (local.get $a) (local.get $b) (local.get $c) (local.get $d)))
        (block $ended
          (br_if $ended (i32.eq (local.get $q) (local.get $end)))
          (loop $by1
            (local.set $y (f32.sub (f32.load (local.get $q)) (f32.load (local.get $r))))
            (local.set $sum (f32.add (local.get $sum) (f32.mul (local.get $y) (local.get $y))))
            (local.set $q (i32.add (local.get $q) (i32.const 4)))
            (local.set $r (i32.add (local.get $r) (i32.const 4)))
            (br_if $by1 (i32.ne (local.get $q) (local.get $end)))))
        (f32.store (local.get $out) (local.get $sum))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (br_if $row (i32.ne (local.get $out) (local.get $outEnd))))))

  ;; The sum of 16 sums: four additions deep.
  (func $total (param $a v128) (param $b v128) (param $c v128) (param $d v128) (result f32)
    (local.set $a (f32x4.add (f32x4.add (local.get $a) (local.get $b)) (f32x4.add (local.get $c) (local.get $d))))
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
      (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))

  ;; 1 if all `count` numbers are finite: zero times a finite one is zero, and NaN stays in a sum.
  (func (export "allFinite") (param $at i32) (param $count i32) (result i32)
    (local $end i32) (local $end4 i32) (local $a v128) (local $sum f32)
    (local.set $end (i32.add (local.get $at) (i32.shl (local.get $count) (i32.const 2))))
    (local.set $end4
      (i32.add (local.get $at) (i32.and (i32.shl (local.get $count) (i32.const 2)) (i32.const -16))))
    (block $ended4
      (br_if $ended4 (i32.eq (local.get $at) (local.get $end4)))
      (loop $by4
        (local.set $a (f32x4.add (local.get $a)
          (f32x4.mul (v128.load (local.get $at)) (v128.const i32x4 0 0 0 0))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $by4 (i32.ne (local.get $at) (local.get $end4)))))
    (local.set $sum
      (f32.add
        (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
        (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))
    (block $ended
      (br_if $ended (i32.eq (local.get $at) (local.get $end)))
      (loop $by1
        (local.set $sum (f32.add (local.get $sum) (f32.mul (f32.load (local.get $at)) (f32.const 0))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br_if $by1 (i32.ne (local.get $at) (local.get $end)))))
    (f32.eq (local.get $sum) (f32.const 0)))

  ;; XXH3_128bits with seed 0 and the standard secret (Yann Collet; doc/xxhash_spec.md of the xxHash
  ;; project) of `length` bytes, at least 241, to the 16 bytes at `out`. Shorter inputs have ways of
  ;; their own there, which are not needed here.
  (func (export "hash128") (param $at i32) (param $length i32) (param $out i32)
    (local $last i32) (local $end i32) (local $blockEnd i32) (local $bytes i64)
    ;; The accumulators: PRIME32_3, PRIME64_1 to 4, PRIME32_2, PRIME64_5, PRIME32_1.
    (global.set $acc0 (v128.const i64x2 0xC2B2AE3D 0x9E3779B185EBCA87))
    (global.set $acc1 (v128.const i64x2 0xC2B2AE3D27D4EB4F 0x165667B19E3779F9))
    (global.set $acc2 (v128.const i64x2 0x85EBCA77C2B2AE63 0x85EBCA77))
    (global.set $acc3 (v128.const i64x2 0x27D4EB2F165667C5 0x9E3779B1))
    (local.set $last (i32.sub (i32.add (local.get $at) (local.get $length)) (i32.const 64)))
    ;; Stripes of 64 bytes, but for the one that the last byte is in.
    (local.set $end (i32.add (local.get $at)
      (i32.and (i32.sub (local.get $length) (i32.const 1)) (i32.const -64))))
    (loop $block
      (local.set $blockEnd (i32.add (local.get $at) (i32.const 1024)))
      (if (i32.gt_u (local.get $blockEnd) (local.get $end))
        (then
          (call $accumulate (local.get $at) (local.get $end) (i32.const 0)))
        (else
          (call $accumulate (local.get $at) (local.get $blockEnd) (i32.const 0))
          (global.set $acc0 (call $scramble (global.get $acc0) (v128.load offset=128 align=1 (i32.const 0))))
          (global.set $acc1 (call $scramble (global.get $acc1) (v128.load offset=144 align=1 (i32.const 0))))
          (global.set $acc2 (call $scramble (global.get $acc2) (v128.load offset=160 align=1 (i32.const 0))))
          (global.set $acc3 (call $scramble (global.get $acc3) (v128.load offset=176 align=1 (i32.const 0))))))
      (local.set $at (local.get $blockEnd))
      (br_if $block (i32.lt_u (local.get $at) (local.get $end))))
    (call $accumulate (local.get $last) (i32.add (local.get $last) (i32.const 64)) (i32.const 121))
    (local.set $bytes (i64.extend_i32_u (local.get $length)))
    (i64.store align=1 (local.get $out)
      (call $merge (i32.const 11) (i64.mul (local.get $bytes) (i64.const 0x9E3779B185EBCA87))))
    (i64.store offset=8 align=1 (local.get $out)
      (call $merge (i32.const 117)
        (i64.xor (i64.mul (local.get $bytes) (i64.const 0xC2B2AE3D27D4EB4F)) (i64.const -1)))))

  (global $acc0 (mut v128) (v128.const i64x2 0 0))
  (global $acc1 (mut v128) (v128.const i64x2 0 0))
  (global $acc2 (mut v128) (v128.const i64x2 0 0))
  (global $acc3 (mut v128) (v128.const i64x2 0 0))

  ;; Takes the stripes from `at` to `end`, at least one, with the secret from `key` on, and for each
  ;; from 8 bytes further on. Of two neighbouring lanes each adds the other's data, and the product of
  ;; its own keyed halves. Written out four times: engines do not put a function into its caller.
  (func $accumulate (param $at i32) (param $end i32) (param $key i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $data v128) (local $keyed v128)
    (local.set $a (global.get $acc0))
    (local.set $b (global.get $acc1))
    (local.set $c (global.get $acc2))
    (local.set $d (global.get $acc3))
    (loop $stripe
      (local.set $data (v128.load align=1 (local.get $at)))
      (local.set $keyed (v128.xor (local.get $data) (v128.load align=1 (local.get $key))))
      (local.set $a
        (i64x2.add
          (i64x2.add (local.get $a)
            (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $data) (local.get $data)))
          (i64x2.extmul_low_i32x4_u
            (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $keyed) (local.get $keyed))
            (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $keyed) (local.get $keyed)))))
      (local.set $data (v128.load offset=16 align=1 (local.get $at)))
      (local.set $keyed (v128.xor (local.get $data) (v128.load offset=16 align=1 (local.get $key))))
      (local.set $b
        (i64x2.add
          (i64x2.add (local.get $b)
            (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $data) (local.get $data)))
          (i64x2.extmul_low_i32x4_u
            (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $keyed) (local.get $keyed))
            (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $keyed) (local.get $keyed)))))
      (local.set $data (v128.load offset=32 align=1 (local.get $at)))
      (local.set $keyed (v128.xor (local.get $data) (v128.load offset=32 align=1 (local.get $key))))
      (local.set $c
        (i64x2.add
          (i64x2.add (local.get $c)
            (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $data) (local.get $data)))
          (i64x2.extmul_low_i32x4_u
            (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $keyed) (local.get $keyed))
            (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $keyed) (local.get $keyed)))))
      (local.set $data (v128.load offset=48 align=1 (local.get $at)))
      (local.set $keyed (v128.xor (local.get $data) (v128.load offset=48 align=1 (local.get $key))))
      (local.set $d
        (i64x2.add
          (i64x2.add (local.get $d)
            (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $data) (local.get $data)))
          (i64x2.extmul_low_i32x4_u
            (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $keyed) (local.get $keyed))
            (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $keyed) (local.get $keyed)))))
      (local.set $key (i32.add (local.get $key) (i32.const 8)))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (br_if $stripe (i32.ne (local.get $at) (local.get $end))))
    (global.set $acc0 (local.get $a))
    (global.set $acc1 (local.get $b))
    (global.set $acc2 (local.get $c))
    (global.set $acc3 (local.get $d)))

  (func $scramble (param $acc v128) (param $key v128) (result v128)
    (local.set $acc (v128.xor (local.get $acc) (i64x2.shr_u (local.get $acc) (i32.const 47))))
    (i64x2.mul
      (v128.xor (local.get $acc) (local.get $key))
      (v128.const i64x2 0x9E3779B1 0x9E3779B1)))

  (func $merge (param $key i32) (param $sum i64) (result i64)
    (local.set $sum
      (i64.add (local.get $sum) (call $fold (global.get $acc0) (v128.load align=1 (local.get $key)))))
    (local.set $sum
      (i64.add (local.get $sum) (call $fold (global.get $acc1) (v128.load offset=16 align=1 (local.get $key)))))
    (local.set $sum
      (i64.add (local.get $sum) (call $fold (global.get $acc2) (v128.load offset=32 align=1 (local.get $key)))))
    (local.set $sum
      (i64.add (local.get $sum) (call $fold (global.get $acc3) (v128.load offset=48 align=1 (local.get $key)))))
    (local.set $sum (i64.xor (local.get $sum) (i64.shr_u (local.get $sum) (i64.const 37))))
    (local.set $sum (i64.mul (local.get $sum) (i64.const 0x165667919E3779F9)))
    (i64.xor (local.get $sum) (i64.shr_u (local.get $sum) (i64.const 32))))

  ;; The product of both lanes, 128 bits, its halves combined by exclusive or.
  (func $fold (param $acc v128) (param $key v128) (result i64)
    (local $a i64) (local $b i64) (local $product i64) (local $aHigh i64) (local $bHigh i64)
    (local $cross i64) (local $middle i64)
    (local.set $acc (v128.xor (local.get $acc) (local.get $key)))
    (local.set $a (i64x2.extract_lane 0 (local.get $acc)))
    (local.set $b (i64x2.extract_lane 1 (local.get $acc)))
    (local.set $aHigh (i64.shr_u (local.get $a) (i64.const 32)))
    (local.set $bHigh (i64.shr_u (local.get $b) (i64.const 32)))
    (local.set $product (i64.mul (local.get $a) (local.get $b)))
    (local.set $a (i64.and (local.get $a) (i64.const 0xffffffff)))
    (local.set $b (i64.and (local.get $b) (i64.const 0xffffffff)))
    (local.set $cross (i64.mul (local.get $aHigh) (local.get $b)))
    (local.set $middle
      (i64.add
        (i64.add
          (i64.shr_u (i64.mul (local.get $a) (local.get $b)) (i64.const 32))
          (i64.and (local.get $cross) (i64.const 0xffffffff)))
        (i64.mul (local.get $a) (local.get $bHigh))))
    (i64.xor
      (local.get $product)
      (i64.add
        (i64.add
          (i64.shr_u (local.get $middle) (i64.const 32))
          (i64.shr_u (local.get $cross) (i64.const 32)))
        (i64.mul (local.get $aHigh) (local.get $bHigh)))))

  ;; The secret. The first page of every memory is the kernel's.
  (data (i32.const 0)
    "\b8\fe\6c\39\23\a4\4b\be\7c\01\81\2c\f7\21\ad\1c"
    "\de\d4\6d\e9\83\90\97\db\72\40\a4\a4\b7\b3\67\1f"
    "\cb\79\e6\4e\cc\c0\e5\78\82\5a\d0\7d\cc\ff\72\21"
    "\b8\08\46\74\f7\43\24\8e\e0\35\90\e6\81\3a\26\4c"
    "\3c\28\52\bb\91\c3\00\cb\88\d0\65\8b\1b\53\2e\a3"
    "\71\64\48\97\a2\0d\f9\4e\38\19\ef\46\a9\de\ac\d8"
    "\a8\fa\76\3f\e3\9c\34\3f\f9\dc\bb\c7\c7\0b\4f\1d"
    "\8a\51\e0\4b\cd\b4\59\31\c8\9f\7e\c9\d9\78\73\64"
    "\ea\c5\ac\83\34\d3\eb\c3\c5\81\a0\ff\fa\13\63\eb"
    "\17\0d\dd\51\b7\f0\da\49\d3\16\55\26\29\d4\68\9e"
    "\2b\16\be\58\7d\47\a1\fc\8f\f8\b8\d1\7a\d0\31\ce"
    "\45\cb\3a\8f\95\16\04\28\af\d7\fb\ca\bb\4b\40\7e"))

