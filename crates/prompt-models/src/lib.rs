//! Prompt classification and scoring: learners, pipelines, model selection, task presets.
