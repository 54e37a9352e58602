#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| consentry_fuzz::settings::run(data));
