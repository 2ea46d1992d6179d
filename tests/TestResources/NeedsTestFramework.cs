using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestFramework(typeof(Adcp.Aot.TestResources.NeedsTestFramework))]

namespace Adcp.Aot.TestResources;

/// <summary>
/// xunit's own framework, except that tests whose <see cref="NeedsAttribute"/> names an absent resource are left out, and that a test
/// which does not end is named.
/// </summary>
/// <remarks>
/// One skipped entry for each reason says how many test methods are missing and how to run them. Without this, a plain clone would list
/// hundreds of skipped tests. If every resource is there, the results hold the tests and nothing else.
/// </remarks>
internal sealed class NeedsTestFramework(string? configFile) : XunitTestFramework(configFile)
{
    protected override ITestFrameworkDiscoverer CreateDiscoverer(Assembly assembly) =>
        new Discoverer(((XunitTestFrameworkDiscoverer)base.CreateDiscoverer(assembly)).TestAssembly);

    protected override ITestFrameworkExecutor CreateExecutor(Assembly assembly) =>
        new Executor(((XunitTestFrameworkDiscoverer)base.CreateDiscoverer(assembly)).TestAssembly);

    private sealed class Executor(IXunitTestAssembly testAssembly) : XunitTestFrameworkExecutor(testAssembly)
    {
        public override async ValueTask RunTestCases(
            IReadOnlyCollection<IXunitTestCase> testCases,
            IMessageSink executionMessageSink,
            ITestFrameworkExecutionOptions executionOptions,
            CancellationToken cancellationToken)
        {
            using HangWatch watch = new(executionMessageSink);
            await base.RunTestCases(testCases, watch, executionOptions, cancellationToken);
        }
    }

    private sealed class Discoverer(IXunitTestAssembly testAssembly) : XunitTestFrameworkDiscoverer(testAssembly)
    {
        private readonly Dictionary<Absence, int> _leftOut = [];

        public override async ValueTask Find(
            Func<ITestCase, ValueTask<bool>> callback,
            ITestFrameworkDiscoveryOptions discoveryOptions,
            Type[]? types = null,
            CancellationToken? cancellationToken = null)
        {
            _leftOut.Clear();
            await base.Find(callback, discoveryOptions, types, cancellationToken);
            foreach ((Absence absence, int count) in _leftOut)
            {
                if (!await callback(await EntryAsync(absence, count)))
                {
                    return;
                }
            }
        }

        protected override ValueTask<bool> FindTestsForMethod(
            IXunitTestMethod testMethod,
            ITestFrameworkDiscoveryOptions discoveryOptions,
            Func<ITestCase, ValueTask<bool>> discoveryCallback)
        {
            if (AbsenceFor(testMethod) is not { } absence)
            {
                return base.FindTestsForMethod(testMethod, discoveryOptions, discoveryCallback);
            }

            _leftOut[absence] = _leftOut.GetValueOrDefault(absence) + testMethod.FactAttributes.Count;
            return new ValueTask<bool>(true);
        }

        private static Absence? AbsenceFor(IXunitTestMethod testMethod) => testMethod.Method.GetCustomAttributes<NeedsAttribute>()
            .Concat(testMethod.TestClass.Class.GetCustomAttributes<NeedsAttribute>())
            .Select(needs => Resources.AbsenceOf(needs.Resource))
            .FirstOrDefault(absence => absence is not null);

        private async ValueTask<XunitTestCase> EntryAsync(Absence absence, int count)
        {
            XunitTestMethod method = new(await CreateTestClass(typeof(LeftOut)), typeof(LeftOut).GetMethod(nameof(LeftOut.Tests))!, []);
            return new XunitTestCase(
                method,
                testCaseDisplayName: $"Tests that need {absence.What}",
                uniqueID: $"{method.UniqueID} {absence.What}",
                @explicit: false,
                skipReason: $"{count} test methods are left out. To run them, {absence.Remedy}.");
        }
    }

    /// <summary>Owns the skipped entries: xunit asks every test case for its method.</summary>
    private static class LeftOut
    {
        public static void Tests() => throw new InvalidOperationException("An entry for tests that were left out is always skipped.");
    }
}
