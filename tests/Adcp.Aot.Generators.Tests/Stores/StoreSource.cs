namespace Adcp.Aot.Generators.Tests.Stores;

/// <summary>
/// A consumer's stores. The contract stands for the text that System.Text.Json's own generator would write.
/// </summary>
internal static class StoreSource
{
    public const string Usings = """
        using System;
        using System.Collections.Generic;
        using System.Linq;
        using System.Text.Json.Serialization;
        using System.Text.Json.Serialization.Metadata;
        using System.Threading;
        using System.Threading.Tasks;
        using Adcp.Aot.Storage;

        namespace Shop;

        public sealed class Job
        {
            public string Id { get; set; } = "";

            public bool IsDone { get; set; }
        }

        """;

    public const string Members = """

                public static JsonTypeInfo<Job> Contract => throw new NotImplementedException();

                private static TaskFacts FactsOf(Job job) => new(job.Id, null, job.IsDone ? "done" : "open", job.IsDone);
        """;

    public const string Sound = Usings + """
        [TaskStore<Job>("jobs")]
        [StoreColumn("owner", nameof(OwnerOf), MaxLength = 80)]
        public sealed partial class Jobs
        {
            private static JsonTypeInfo<Job> Contract => throw new NotImplementedException();

            private static TaskFacts FactsOf(Job job) => new(job.Id, null, job.IsDone ? "done" : "open", job.IsDone);

            private static string? OwnerOf(StoreScope scope, Job job) => scope.Key;
        }

        [PushNotificationConfigStore("job_hooks", typeof(Jobs))]
        public sealed partial class JobHooks;
        """;

    /// <summary>Returns one class, with attributes and members of the test's choice.</summary>
    public static string Class(string attributes, string members = Members, string head = "public sealed partial class Jobs") =>
        Usings + attributes + "\n" + head + "\n{\n" + members + "\n}\n";
}
