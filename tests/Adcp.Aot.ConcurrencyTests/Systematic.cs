using Microsoft.Coyote;
using Microsoft.Coyote.Logging;
using Microsoft.Coyote.SystematicTesting;

namespace Adcp.Aot.ConcurrencyTests;

/// <summary>
/// Runs a small concurrent program under many schedules, each chosen by Coyote at every task, lock, interlocked and
/// volatile operation.
/// </summary>
internal static class Systematic
{
    /// <summary>Fails with the first schedule that breaks an assertion, throws or deadlocks.</summary>
    internal static void Explore(Func<Task> program, uint schedules = 300)
    {
        // A busy machine may pause a schedule for seconds; that is no deadlock.
        TestReport report = Run(program, schedules, deadlockAfterMilliseconds: 20_000);
        Assert.True(report.NumOfFoundBugs == 0, string.Join(Environment.NewLine, report.BugReports));
    }

    /// <summary>Returns the fault of a program that is meant to fail; empty if no schedule made it fail.</summary>
    internal static string Fault(Func<Task> program, uint schedules = 300) =>
        string.Join(Environment.NewLine, Run(program, schedules, deadlockAfterMilliseconds: 1_000).BugReports);

    private static TestReport Run(Func<Task> program, uint schedules, uint deadlockAfterMilliseconds)
    {
        // A fixed seed: the same schedules on every machine and every run.
        Configuration configuration = Configuration.Create()
            .WithTestingIterations(schedules)
            .WithRandomGeneratorSeed(20_261_124)
            .WithMaxSchedulingSteps(5_000)
            .WithAtomicOperationRaceCheckingEnabled(true)
            .WithVolatileOperationRaceCheckingEnabled(true)
            .WithMemoryAccessRaceCheckingEnabled(true)
            .WithLockAccessRaceCheckingEnabled(true)
            .WithCollectionAccessRaceCheckingEnabled(true)
            .WithDeadlockTimeout(deadlockAfterMilliseconds)
            .WithPotentialDeadlocksReportedAsBugs(true)
            .WithTelemetryEnabled(false);
        using TestingEngine engine = TestingEngine.Create(configuration, program);
        engine.SetLogger(new MemoryLogger(VerbosityLevel.None));
        engine.Run();
        return engine.TestReport;
    }
}
