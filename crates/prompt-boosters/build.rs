//! Tells the linker where libxgboost is.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=XGBOOST_LIB_DIR");
    let folder = std::env::var("XGBOOST_LIB_DIR").ok();
    if let (Some(folder), true) = (folder, std::env::var_os("CARGO_FEATURE_XGBOOST").is_some()) {
        println!("cargo:rustc-link-search=native={folder}");
    }
}
