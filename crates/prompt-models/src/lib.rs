#![doc = include_str!("../README.md")]

pub mod config;
pub mod baseline;
pub mod bayes;
pub mod calibrate;
pub mod learners;
pub mod linear;
