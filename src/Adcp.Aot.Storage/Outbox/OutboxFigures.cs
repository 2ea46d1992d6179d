using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>The figures that a worker writes into its row with each renewal, or the sums of them over living workers.</summary>
/// <param name="InFlight">Attempts under way.</param>
/// <param name="InMemory">Rows in memory.</param>
/// <param name="Delivered">Webhooks delivered since the worker's start.</param>
/// <param name="Deferred">Attempts not made since then because the authorizer could not decide.</param>
/// <param name="FencedOff">Results not committed since then because the worker had lost their lane.</param>
internal readonly record struct OutboxFigures(int InFlight, int InMemory, long Delivered, long Deferred, long FencedOff)
{
    /// <summary>The columns of the worker's table, in the order of the parameters.</summary>
    internal static readonly string[] Columns = ["in_flight", "in_memory", "delivered", "deferred", "fenced_off"];

    /// <summary>The sums of the columns, zero if there is no row.</summary>
    internal static string Sums(string type) =>
        string.Join(", ", Columns.Select(column => $"CAST(coalesce(sum({column}), 0) AS {type}) AS {column}"));

    /// <summary>Reads the sums from five columns in a row.</summary>
    internal static OutboxFigures Read(DbDataReader reader, int first) => new(
        (int)reader.GetInt64(first), (int)reader.GetInt64(first + 1), reader.GetInt64(first + 2), reader.GetInt64(first + 3),
        reader.GetInt64(first + 4));
}
