//! `cargo fuzz run json`
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| conductor_fuzz::targets::json(input));
