//! From files to a clean, split dataset of prompts: readers, validation, cleaning, sanitising, splits, synthetic prompts.
