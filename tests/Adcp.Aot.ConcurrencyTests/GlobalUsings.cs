global using Xunit;

// One engine at a time: each controls every task of its test, and two would see each other's.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
