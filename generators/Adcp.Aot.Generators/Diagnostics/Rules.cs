using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Diagnostics;

/// <summary>
/// Every rule. Numbers: 1 to 39 what all attributes share and delivery logs, 40 to 69 stores, 70 to 99 platforms. A rule is never given another meaning.
/// </summary>
internal static class Rules
{
    private const string Category = "Adcp.Aot";

    public static readonly DiagnosticDescriptor NotPartial = Error(
        "ADCP001", "The attributed class must be partial", "'{0}' must be partial: [{1}] generates the other part of it");

    public static readonly DiagnosticDescriptor NestedOrGeneric = Error(
        "ADCP002", "The attributed class must be a plain top-level class", "'{0}' cannot be {2}: [{1}] generates a top-level class that is neither generic, static nor abstract");

    public static readonly DiagnosticDescriptor NotAnIdentifier = Error(
        "ADCP003", "A name is not an SQL identifier", "'{0}' is not an identifier: {1}");

    public static readonly DiagnosticDescriptor DuplicateColumn = Error(
        "ADCP004", "A column is mapped twice", "Column '{0}' is mapped twice");

    public static readonly DiagnosticDescriptor UnknownColumn = Error(
        "ADCP005", "A column is not mapped", "{0} names '{1}', which is not a column of the log; mapped are {2}");

    public static readonly DiagnosticDescriptor WrongMember = Error(
        "ADCP006", "A computed column's member has the wrong shape", "Column '{0}': '{1}' must be a method of the class with one DeliveryAttempt parameter that returns {2}");

    public static readonly DiagnosticDescriptor UnsupportedDialect = Error(
        "ADCP007", "The SQL dialect is not supported", "{0} is not an SqlDialect; supported are Any, Sqlite, PostgreSql and MySql");

    public static readonly DiagnosticDescriptor OptionDoesNotFit = Error(
        "ADCP008", "An option does not fit its column", "Column '{0}': {1}");

    public static readonly DiagnosticDescriptor UnknownField = Error(
        "ADCP009", "The attempt has no such field", "{0} is not an AttemptField");

    public static readonly DiagnosticDescriptor NoColumns = Error(
        "ADCP010", "The log keeps nothing", "'{0}' keeps no field: map at least one");

    public static readonly DiagnosticDescriptor ReaderNeedsFields = new(
        "ADCP011",
        "The log cannot be read back as webhook activity",
        "'{0}' names a principal but keeps no whole {1}: no reader is generated",
        Category,
        DiagnosticSeverity.Warning,
        isEnabledByDefault: true);

    public static readonly DiagnosticDescriptor NotASink = Error(
        "ADCP012", "A fan-out's part is not a sink", "'{0}' does not implement IDeliveryLogSink");

    public static readonly DiagnosticDescriptor MissingContract = Error(
        "ADCP040",
        "A task store has no JsonTypeInfo",
        "'{0}' needs a static property or field of type JsonTypeInfo<{1}>: a generator cannot make the contract of another, so the class gives it");

    public static readonly DiagnosticDescriptor MissingFacts = Error(
        "ADCP041", "A task store does not know its tasks", "'{0}' needs a static method that takes a {1} and returns its TaskFacts");

    public static readonly DiagnosticDescriptor AmbiguousStoreMember = Error(
        "ADCP042", "Two members would do", "'{0}' has '{1}' and '{2}', of which the store needs one; give the other another type or class");

    public static readonly DiagnosticDescriptor WrongStoreMember = Error(
        "ADCP043",
        "A computed column's member has the wrong shape",
        "Column '{0}': '{1}' must be a method of the class that takes a {2}, or a StoreScope and a {2}, and returns a string, a number, a bool, a Guid or a point in time");

    public static readonly DiagnosticDescriptor NotATaskStore = Error(
        "ADCP044", "Push configurations belong to no task store", "'{0}' has no [TaskStore]: push configurations go with the tasks of one");

    public static readonly DiagnosticDescriptor OtherDialect = Error(
        "ADCP045", "Push configurations and tasks are on different databases", "'{0}' is for {1} and '{2}' for {3}; they share one database, so give both the same Dialect");

    public static readonly DiagnosticDescriptor TwoStores = Error(
        "ADCP046", "A class is two stores", "'{0}' has [TaskStore] and [PushNotificationConfigStore]: make two classes");

    public static readonly DiagnosticDescriptor NotAJsonContext = Error(
        "ADCP070", "A platform has no JSON contracts", "[AdcpPlatform] of '{0}' must name a class that derives from JsonSerializerContext");

    public static readonly DiagnosticDescriptor NotAToolName = Error(
        "ADCP071", "A name is not a tool's", "'{0}' is not a tool name: 1 to 64 of a-z 0-9 _ that begin with a letter");

    public static readonly DiagnosticDescriptor DuplicateTool = Error(
        "ADCP072", "A tool is performed twice", "The tool '{0}' has two methods");

    public static readonly DiagnosticDescriptor WrongToolShape = Error(
        "ADCP073",
        "A tool's method has the wrong shape",
        "'{0}' must be a method without type parameters that takes its arguments, ToolCall and CancellationToken at most once each and returns ValueTask<T> or Task<T>");

    public static readonly DiagnosticDescriptor NoTools = Error(
        "ADCP074", "A platform performs nothing", "'{0}' has no [AdcpTool] method");

    private static DiagnosticDescriptor Error(string id, string title, string message) =>
        new(id, title, message, Category, DiagnosticSeverity.Error, isEnabledByDefault: true);
}
