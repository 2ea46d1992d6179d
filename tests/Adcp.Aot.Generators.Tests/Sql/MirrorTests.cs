using Adcp.Aot.Auditing;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Generators.Tests.Sql;

public sealed class MirrorTests
{
    [Fact]
    public void The_generator_knows_every_dialect_by_its_number() =>
        Assert.Equal(Numbers<SqlDialect>(), Numbers<Dialect>());

    [Fact]
    public void The_generator_knows_every_column_type_by_its_number() =>
        Assert.Subset(Numbers<StoredType>().ToHashSet(), Numbers<ColumnType>().ToHashSet());

    private static IEnumerable<(string Name, int Number)> Numbers<T>()
        where T : struct, Enum => Enum.GetValues<T>().Select(value => (value.ToString(), Convert.ToInt32(value, null)));
}
