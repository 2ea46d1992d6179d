using System.Data.Common;

namespace Seller;

/// <summary>A table of the seller's own.</summary>
internal abstract class Table(DbDataSource source)
{
    protected async Task<int> RunAsync(string sql, params object[] values)
    {
        await using DbCommand command = Command(sql, values);
        return await command.ExecuteNonQueryAsync();
    }

    protected async Task<List<T>> ReadAsync<T>(Func<DbDataReader, T> row, string sql, params object[] values)
    {
        await using DbCommand command = Command(sql, values);
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        List<T> rows = [];
        while (await reader.ReadAsync())
        {
            rows.Add(row(reader));
        }

        return rows;
    }

    /// <summary>The values are the parameters @p1, @p2 and so on.</summary>
    private DbCommand Command(string sql, object[] values)
    {
        DbCommand command = source.CreateCommand(sql);
        for (int i = 0; i < values.Length; i++)
        {
            DbParameter parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = ($"@p{i + 1}", values[i]);
            command.Parameters.Add(parameter);
        }

        return command;
    }
}
