#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| consentry_fuzz::request_bodies::run(data));
