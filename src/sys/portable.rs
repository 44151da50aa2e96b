//! What can be had everywhere: memory, time, and nothing about processes.
