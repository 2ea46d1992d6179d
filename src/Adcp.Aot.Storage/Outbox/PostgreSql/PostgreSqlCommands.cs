using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Adcp.Aot.Storage;

/// <summary>
/// Commands and batches for PostgreSQL on System.Data.Common. Arrays go over as one text, because the contract of ADO.NET has none.
/// </summary>
internal static class PostgreSqlCommands
{
    /// <summary>Begins a transaction of the outbox's own, whatever the defaults of the role are.</summary>
    internal const string Begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

    internal const string Commit = "COMMIT";

    private const string Null = "NULL";

    /// <summary>The characters of an array's text that need no rented buffer.</summary>
    private const int TextCharacters = 512;

    /// <summary>
    /// Keeps the planner on the keys for this transaction. A plan that was made while a table was empty, or after a vacuum that saw no
    /// live row, reads the whole table otherwise. A guard that cannot be met makes a plan look expensive enough for the JIT.
    /// </summary>
    internal const string Guards =
        "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)";

    /// <summary>Creates a command. The connection stays the caller's.</summary>
    internal static DbCommand Command(this DbConnection connection, string sql)
    {
        DbCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Statements of the outbox: names in them passed the rule of OutboxTables, values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command;
    }

    /// <summary>Adds the next parameter.</summary>
    internal static DbCommand With(this DbCommand command, DbType type, object? value)
    {
        command.Parameters.Add(Fill(command.CreateParameter(), type, value));
        return command;
    }

    /// <summary>Begins a batch of one round trip: a transaction of the outbox's own with the planner guards.</summary>
    internal static DbBatch GuardedBatch(this DbConnection connection, string guards = Guards)
    {
        DbBatch batch = connection.CreateBatch();
        batch.Then(Begin);
        batch.Then(guards);
        return batch;
    }

    /// <summary>Adds a statement to a batch.</summary>
    internal static DbBatchCommand Then(this DbBatch batch, string sql)
    {
        DbBatchCommand command = batch.CreateBatchCommand();
#pragma warning disable CA2100 // As above.
        command.CommandText = sql;
#pragma warning restore CA2100
        batch.BatchCommands.Add(command);
        return command;
    }

    /// <summary>Adds the next parameter of a batch's statement.</summary>
    internal static DbBatchCommand With(this DbBatchCommand command, DbType type, object? value)
    {
        command.Parameters.Add(Fill(command.CreateParameter(), type, value));
        return command;
    }

    /// <summary>Adds the hash of an idempotency key; nothing for <see langword="null"/>, which is part of the statement.</summary>
    internal static DbBatchCommand WithKey(this DbBatchCommand command, long? keyHash) =>
        keyHash is null ? command : command.With(DbType.Int64, keyHash);

    /// <summary>Runs a query for one row and disposes the command.</summary>
    /// <returns>The value; <c>default</c> if there is no row.</returns>
    internal static async ValueTask<T?> OneAsync<T>(this DbCommand command, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        List<T> rows = await command.AllAsync(read, cancellationToken).ConfigureAwait(false);
        return rows.Count == 0 ? default : rows[0];
    }

    /// <summary>Runs a query and disposes the command. The rows are returned after the command has completed.</summary>
    internal static async ValueTask<List<T>> AllAsync<T>(
        this DbCommand command, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        await using (command.ConfigureAwait(false))
        {
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                List<T> rows = [];
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    rows.Add(read(reader));
                }

                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                return rows;
            }
        }
    }

    /// <summary>Runs a statement that writes and disposes the command.</summary>
    internal static async ValueTask<int> ExecuteAsync(this DbCommand command, CancellationToken cancellationToken)
    {
        await using (command.ConfigureAwait(false))
        {
            return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Runs a guarded batch to its end and disposes it. Rows arrive before the commit; they are returned after it.
    /// </summary>
    /// <param name="batch">The batch. <see cref="Commit"/> is added to it.</param>
    /// <param name="read">Called for each row of each statement.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    internal static async ValueTask CommitAsync(this DbBatch batch, Action<DbDataReader> read, CancellationToken cancellationToken)
    {
        await using (batch.ConfigureAwait(false))
        {
            batch.Then(Commit);
            DbDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                // The first result is that of the guards.
                while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
                {
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        read(reader);
                    }
                }
            }
        }
    }

    /// <summary>Returns an array of numbers as the text of PostgreSQL.</summary>
    internal static string ArrayOf<T, TNumber>(IReadOnlyList<T> items, Func<T, TNumber> number)
        where TNumber : struct, ISpanFormattable
    {
        DefaultInterpolatedStringHandler text = BeginArray(stackalloc char[TextCharacters]);
        for (int i = 0; i < items.Count; i++)
        {
            Separate(ref text, i);
            text.AppendFormatted(number(items[i]));
        }

        return EndArray(ref text);
    }

    /// <summary>Returns an array of numbers as the text of PostgreSQL; <see langword="null"/> is NULL.</summary>
    internal static string ArrayOf<T>(IReadOnlyList<T> items, Func<T, long?> number)
    {
        DefaultInterpolatedStringHandler text = BeginArray(stackalloc char[TextCharacters]);
        for (int i = 0; i < items.Count; i++)
        {
            Separate(ref text, i);
            if (number(items[i]) is { } some)
            {
                text.AppendFormatted(some);
            }
            else
            {
                text.AppendLiteral(Null);
            }
        }

        return EndArray(ref text);
    }

    /// <summary>Returns an array of texts as the text of PostgreSQL; <see langword="null"/> is NULL.</summary>
    internal static string ArrayOf<T>(IReadOnlyList<T> items, Func<T, string?> value)
    {
        DefaultInterpolatedStringHandler text = BeginArray(stackalloc char[TextCharacters]);
        for (int i = 0; i < items.Count; i++)
        {
            Separate(ref text, i);
            if (value(items[i]) is not { } some)
            {
                text.AppendLiteral(Null);
                continue;
            }

            text.AppendLiteral("\"");
            text.AppendLiteral(some
                .Replace("\\", "\\\\", StringComparison.Ordinal)
                .Replace("\"", "\\\"", StringComparison.Ordinal));
            text.AppendLiteral("\"");
        }

        return EndArray(ref text);
    }

    internal static long? Milliseconds(TimeSpan? time) => (long?)time?.TotalMilliseconds;

    internal static long? Number(DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetInt64(column);

    internal static TimeSpan? Duration(DbDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : TimeSpan.FromMilliseconds(reader.GetInt64(column));

    private static DefaultInterpolatedStringHandler BeginArray(Span<char> buffer)
    {
        DefaultInterpolatedStringHandler text = new(0, 0, CultureInfo.InvariantCulture, buffer);
        text.AppendLiteral("{");
        return text;
    }

    private static void Separate(ref DefaultInterpolatedStringHandler text, int index)
    {
        if (index > 0)
        {
            text.AppendLiteral(",");
        }
    }

    private static string EndArray(ref DefaultInterpolatedStringHandler text)
    {
        text.AppendLiteral("}");
        return text.ToStringAndClear();
    }

    internal static DbParameter Fill(DbParameter parameter, DbType type, object? value)
    {
        parameter.DbType = type;
        parameter.Value = value ?? DBNull.Value;
        return parameter;
    }
}
