//! Examples, benches and whole-story tests of the prompt workspace live beside this empty crate.

// The code of the guide's chapters runs with the doctests: `cargo test --doc -p prompt-workspace`.
#[cfg(doctest)]
mod guide {
    macro_rules! chapters {
        ($($chapter:ident = $file:literal),+ $(,)?) => {$(
            #[doc = include_str!(concat!("../docs/guide/", $file, ".md"))]
            mod $chapter {}
        )+};
    }

    chapters! {
        readme = "README",
        first_model = "first-model",
        data = "data",
        sanitising = "sanitising",
        features = "features",
        learners = "learners",
        choosing = "choosing",
        tuning = "tuning",
        measuring = "measuring",
        metrics = "metrics",
        experiments = "experiments",
        distilling = "distilling",
        ensembles = "ensembles",
        tables = "tables",
        prepare = "prepare",
        explaining = "explaining",
        using_a_model = "using-a-model",
        registry = "registry",
        limits = "limits",
    }
}
